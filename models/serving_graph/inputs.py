"""Inputs of the signatures: their types, defaults and checks.

A wrong input answers INVALID_ARGUMENT and names itself, before any other op
can fail on it with less to say.
"""

import tensorflow as tf

from models.requests import HISTORY_NAMES, REQUEST, tensor_spec
from models.serving_graph import diversity, filters
from models.serving_graph.explanations import EXPLAIN

EXCLUDE = "exclude_item_ids"
K = "k"


def required_specs(*, without: tuple[str, ...] = ()) -> dict:
    """Returns the parts of a request that a client must send."""
    return {
        f.name: tensor_spec(f)
        for f in REQUEST
        if (f.is_list or f.dtype != "string") and f.name not in without
    }


def context_specs(*, without: tuple[str, ...] = ()) -> dict:
    """Returns the parts that a client may leave out: unknown then."""
    return {
        f.name: tensor_spec(f)
        for f in REQUEST
        if not f.is_list and f.dtype == "string" and f.name not in without
    }


def answer_specs() -> dict:
    """Returns the inputs that say what the answer may hold.

    `k` has rows, as all inputs have: a server that joins requests to batches
    takes no others, and each request may ask for another number.
    """
    lists = (EXCLUDE, *filters.LISTS)
    return {
        **{n: tf.TensorSpec([None, None], tf.string, n) for n in lists},
        **{n: tf.TensorSpec([None], tf.float32, n) for n in filters.PRICES},
        K: tf.TensorSpec([None], tf.int32, K),
    }


def page_specs() -> dict:
    """Returns the inputs that say how a page is put together, and explained."""
    return {
        diversity.DIVERSITY: tf.TensorSpec(
            [None], tf.float32, diversity.DIVERSITY
        ),
        **{
            name: tf.TensorSpec([None], tf.int32, name)
            for name in diversity.CAPS.values()
        },
        EXPLAIN: tf.TensorSpec([None], tf.bool, EXPLAIN),
    }


def defaults(specs: dict, default_k: int) -> dict:
    """Returns what inputs are that were not sent, for a batch of any size."""
    values = {}
    for name, spec in specs.items():
        if name == K:
            values[name] = tf.constant([default_k], tf.int32)
        elif name == filters.MIN_PRICE:
            values[name] = tf.constant([filters.NO_MIN])
        elif name == filters.MAX_PRICE:
            values[name] = tf.constant([filters.NO_MAX])
        elif name in page_specs():
            values[name] = tf.zeros([1], spec.dtype)
        elif spec.shape.rank == 2:
            # Not empty: a server that fills shorter inputs of a batch up with
            # their first entry takes none without one.
            values[name] = tf.constant([[""]])
        else:
            values[name] = tf.constant([""])
    return values


def checked(
    inputs: dict[str, tf.Tensor], leading: str, limit: int
) -> dict[str, tf.Tensor]:
    """Checks inputs, and repeats those that hold for the whole batch.

    Args:
      inputs: Inputs of a signature by name.
      leading: The input whose rows are the batch, B.
      limit: The largest `k`.

    Returns:
      The inputs, all of B rows.
    """
    batch = tf.shape(inputs[leading])[0]
    checks = [
        tf.debugging.Assert(
            batch > 0, [f"{leading} has no rows; send at least one"]
        )
    ]
    for name, value in inputs.items():
        if name == K:
            allowed = (value >= 1) & (value <= limit)
            checks.append(_all_are(name, value, allowed, f"1 to {limit}"))
        if name in filters.PRICES:
            allowed = ~tf.math.is_nan(value)
            checks.append(_all_are(name, value, allowed, "a number"))
        if name == diversity.DIVERSITY:
            allowed = (value >= 0) & (value <= 1)
            checks.append(_all_are(name, value, allowed, "0 to 1"))
        if name in diversity.CAPS.values():
            checks.append(_all_are(name, value, value >= 0, "0 or more"))
        if name in HISTORY_NAMES:
            checks.append(_same_shape(name, value, HISTORY_NAMES[0], inputs))
        elif name != leading:
            checks.append(_fits(name, value, leading, batch))
    with tf.control_dependencies(checks):
        inputs = {name: tf.identity(value) for name, value in inputs.items()}
    for name, value in inputs.items():
        if name not in (leading, *HISTORY_NAMES):
            shape = tf.concat([[batch], tf.shape(value)[1:]], axis=0)
            inputs[name] = tf.ensure_shape(
                tf.broadcast_to(value, shape),
                [None] * value.shape.rank,
            )
    return inputs


def filled(name: str, value: tf.Tensor) -> tf.Tensor:
    """Checks that no entry is the empty string; returns the value."""
    with tf.control_dependencies(
        [
            tf.debugging.Assert(
                tf.reduce_all(value != ""), [f"{name} must not be empty"]
            )
        ]
    ):
        return tf.identity(value)


def _all_are(name, value, allowed, what):
    return tf.debugging.Assert(
        tf.reduce_all(allowed),
        [f"{name} must be {what}, but is", tf.boolean_mask(value, ~allowed)],
    )


def _same_shape(name, value, other, inputs):
    same = tf.reduce_all(tf.shape(value) == tf.shape(inputs[other]))
    return tf.debugging.Assert(
        same,
        [
            f"{name} must have the shape of {other}; shapes are",
            tf.shape(value),
            tf.shape(inputs[other]),
        ],
    )


def _fits(name, value, leading, batch):
    rows = tf.shape(value)[0]
    return tf.debugging.Assert(
        (rows == batch) | (rows == 1),
        [
            f"{name} must have as many rows as {leading}, or one; rows are",
            rows,
            batch,
        ],
    )
