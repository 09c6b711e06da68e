"""Requests as `tf.Example`s, for clients of Classify and Regress.

An example is a user and one item, with the features of a request and
`item_id`, as `BehaviorLog` writes them; more features do no harm.
"""

import tensorflow as tf

from models.requests import HISTORY_NAMES, REQUEST, from_examples

# TensorFlow Serving's names of what Classify and Regress take and give.
INPUTS, CLASSES, SCORES, OUTPUTS = "inputs", "classes", "scores", "outputs"
# More steps than any model reads; an example is whole in memory anyway.
_LONGEST = 10_000


def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Reads the inputs of `rank`, one item for each user.

    Args:
      serialized: string [B]. `item_id` and `timestamp` have to be there;
        the latest 10,000 steps of a history are read.

    Returns:
      A request, and `item_ids` string [B, 1]. Of the history what is absent
      is unknown, of one length with `history_item_ids` or absent.
    """
    parsed = tf.io.parse_example(
        serialized,
        {
            "item_id": tf.io.FixedLenFeature([], tf.string),
            **{
                feature.name: tf.io.RaggedFeature(tf.as_dtype(feature.dtype))
                for feature in REQUEST
                if feature.is_list
            },
        },
    )
    lengths = [parsed[name].row_lengths() for name in HISTORY_NAMES]
    checks = [
        tf.debugging.Assert(
            tf.reduce_all((length == lengths[0]) | (length == 0)),
            [
                f"{name} must be as long as {HISTORY_NAMES[0]}, or absent; "
                "lengths are",
                length,
                lengths[0],
            ],
        )
        for name, length in zip(HISTORY_NAMES, lengths, strict=True)
    ]
    with tf.control_dependencies(checks):
        serialized = tf.identity(serialized)
    request = from_examples(serialized, _LONGEST)
    return request | {"item_ids": parsed["item_id"][:, tf.newaxis]}
