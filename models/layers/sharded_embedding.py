"""A table of embeddings too large to be one variable."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


class ShardedEmbedding(tf.keras.layers.Layer):
    """Looks rows up in a table that is cut into variables on the host.

    An accelerator's memory is short, and a step reads few rows of a large
    table: those alone go there. The optimiser's moments lie beside the
    variables, and it works on one at a time, so what it needs besides is that
    of one shard, not of the table. Under a strategy of several devices each
    of them has all shards itself.

    Args:
      input_dim: Rows of the table.
      output_dim: Width.
      initializer: Makes that of a shard; a new one each, since an instance
        draws the same values every time.
      most_rows: Of a shard.
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        initializer: Callable[[], tf.keras.initializers.Initializer],
        most_rows: int,
        **kw,
    ):
        super().__init__(**kw)
        self.input_dim, self.output_dim = input_dim, output_dim
        self.most_rows = most_rows
        starts = range(0, input_dim, most_rows)
        with tf.device("/CPU:0"):
            self.shards = [
                self.add_weight(
                    name=f"shard_{number}",
                    shape=[min(most_rows, input_dim - start), output_dim],
                    initializer=initializer(),
                )
                for number, start in enumerate(starts)
            ]

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns float [..., output_dim] of int [...]."""
        found = tf.zeros([], self.compute_dtype)
        # Every shard is asked for every row, clipped to what it has, so that
        # no shape depends on which rows are asked for. It is a copy of a few
        # rows more; the table itself is not touched.
        for number, shard in enumerate(self.shards):
            place = rows - number * self.most_rows
            size = shard.shape[0]
            here = (place >= 0) & (place < size)
            values = tf.gather(shard, tf.clip_by_value(place, 0, size - 1))
            values = tf.cast(values, self.compute_dtype)
            found += tf.where(here[..., None], values, 0)
        return found

    def numpy(self) -> np.ndarray:
        """Returns the whole table, float32 [input_dim, output_dim]."""
        return np.concatenate([shard.numpy() for shard in self.shards])

    def assign(self, values: np.ndarray) -> None:
        """Replaces the whole table."""
        for number, shard in enumerate(self.shards):
            start = number * self.most_rows
            shard.assign(values[start : start + shard.shape[0]])
