"""Computing for some rows of a batch only."""

from collections.abc import Callable

import tensorflow as tf


def on_rows(
    chosen: tf.Tensor,
    compute: Callable[..., tf.Tensor],
    inputs: tuple,
    *,
    fixed_shapes: bool = False,
) -> tf.Tensor:
    """Returns what is computed of chosen rows, and zeros for the others.

    Args:
      chosen: bool [B].
      compute: `inputs` of [C, ...] each, C of the rows, to [C, D].
      inputs: Structures of tensors [B, ...].
      fixed_shapes: Whether to compute for all rows, because what compiles
        (XLA) wants shapes that are known.

    Returns:
      [B, D].
    """
    if fixed_shapes:
        everywhere = compute(*inputs)
        return tf.where(chosen[:, None], everywhere, 0)
    place = tf.where(chosen)
    values = compute(
        *tf.nest.map_structure(lambda x: tf.gather(x, place[:, 0]), inputs)
    )
    shape = tf.shape(values, tf.int64)
    whole = tf.concat([tf.shape(chosen, tf.int64), shape[1:]], 0)
    return tf.scatter_nd(place, values, whole)
