"""Requests: what a query is made of, and how behaviour examples become one."""

import tensorflow as tf

from models.features import Feature, request_features

REQUEST = request_features()
HISTORY_NAMES = tuple(f.name for f in REQUEST if f.is_list)


def tensor_spec(feature: Feature) -> tf.TensorSpec:
    """Returns the tensor of a batch: [B, L] of a list, [B] otherwise."""
    shape = [None, None] if feature.is_list else [None]
    return tf.TensorSpec(shape, tf.as_dtype(feature.dtype), feature.name)


def request_spec() -> dict[str, tf.TensorSpec]:
    """Returns the specification of a request, for `input_signature`."""
    return {feature.name: tensor_spec(feature) for feature in REQUEST}


def retrieved_spec() -> dict[str, tf.TensorSpec]:
    """Returns what a trained model's `retrieve` gives, for `input_signature`.

    `query` float32 [B, d], whose dot product with an item's vector is the
    first part of its score; `neighbours` int32 [B, M], rows, each once or -1,
    and `added` float32 [B, M], what they get on top; `unseen_offset` float32
    [B], what items get that training has not seen.
    """
    return {
        "query": tf.TensorSpec([None, None], tf.float32, "query_vector"),
        "neighbours": tf.TensorSpec([None, None], tf.int32, "neighbours"),
        "added": tf.TensorSpec([None, None], tf.float32, "added"),
        "unseen_offset": tf.TensorSpec([None], tf.float32, "unseen_offset"),
    }


def from_examples(
    serialized: tf.Tensor, max_history: int
) -> dict[str, tf.Tensor]:
    """Turns raw behaviour examples into a request of the trained model.

    Args:
      serialized: string [B], `tf.Example`s of `BehaviorLog`. What is absent
        is unknown, but for `timestamp`, which has to be there.
      max_history: The most recent steps that are kept, at least 1.

    Returns:
      The tensors of `REQUEST`. Histories are oldest first, right-padded with
      `""` and 0 to the longest of the batch, which is at least 1.
    """
    parsed = tf.io.parse_example(
        serialized,
        {
            f.name: tf.io.RaggedFeature(tf.as_dtype(f.dtype))
            if f.is_list
            else tf.io.FixedLenFeature(
                [],
                tf.as_dtype(f.dtype),
                default_value="" if f.dtype == "string" else None,
            )
            for f in REQUEST
        },
    )
    longest = tf.reduce_max(parsed[HISTORY_NAMES[0]].row_lengths())
    longest = tf.clip_by_value(longest, 1, max_history)
    width = tf.stack([-1, longest])
    return {
        name: value[:, -max_history:].to_tensor(shape=width)
        if isinstance(value, tf.RaggedTensor)
        else value
        for name, value in parsed.items()
    }


def pack_history(
    request: dict[str, tf.Tensor], keep: tf.Tensor, max_history: int
) -> dict[str, tf.Tensor]:
    """Moves the steps that count to the left and keeps the latest of them.

    A client may pad on either side, leave holes, or name items that the model
    has never seen; after this the model gets what it was trained on.

    Args:
      request: The tensors of `REQUEST`.
      keep: bool [B, L], steps that count.
      max_history: Steps that are kept at most, at least 1.

    Returns:
      The request with histories [B, min(max(L, 1), max_history)].
    """
    batch = tf.shape(keep)[0]
    keep = tf.concat([keep, tf.zeros([batch, 1], tf.bool)], axis=1)
    order = tf.argsort(
        tf.cast(~keep, tf.int32), axis=1, stable=True, direction="ASCENDING"
    )
    lengths = tf.reduce_sum(tf.cast(keep, tf.int32), axis=1, keepdims=True)
    width = tf.minimum(tf.maximum(tf.shape(keep)[1] - 1, 1), max_history)
    dropped = tf.maximum(lengths - max_history, 0)
    slots = tf.range(width)[tf.newaxis] + dropped
    filled = slots < lengths
    columns = tf.gather(order, slots, batch_dims=1)
    packed = dict(request)
    for feature in REQUEST:
        if not feature.is_list:
            continue
        values = request[feature.name]
        empty = tf.zeros([], values.dtype)
        values = tf.concat([values, tf.fill([batch, 1], empty)], axis=1)
        values = tf.gather(values, columns, batch_dims=1)
        packed[feature.name] = tf.where(filled, values, empty)
    return packed
