"""What the devices that take a train step together have to agree on.

Each sees its own part of a batch. A mean over the whole batch is a sum over
all parts divided by the weight of all parts: a mean of the parts' means would
count a choice more where its part has few. With one device nothing is done.
"""

import tensorflow as tf


def number() -> int:
    """Returns how many replicas take this step together."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def total(value: tf.Tensor) -> tf.Tensor:
    """Sums a scalar over the replicas; the same on each of them.

    Args:
      value: Of this replica, and no function of what is learned: where it is,
        no gradient passes.
    """
    if number() == 1:
        return value
    context = tf.distribute.get_replica_context()
    return context.all_reduce(
        tf.distribute.ReduceOp.SUM, tf.stop_gradient(value)
    )


def copies(variable: tf.Variable) -> tuple[tf.Variable, ...]:
    """Returns a variable's copies on this machine, one a device."""
    return tf.distribute.get_strategy().experimental_local_results(variable)
