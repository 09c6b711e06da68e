"""Stores an encoder's matrices in fewer bits, after its training.

Vectors, biases and norms stay float32; products are float32 too. int8 has one
scale for each row of the word embedding and each column of a kernel, so that
what a token or a unit is worth does not coarsen another.
"""

import numpy as np
import tensorflow as tf

from models.text.bert import BertEncoder, DenseEmbedding

_LARGEST = 127


class QuantisedMatrix(tf.Module):
    """A matrix in float16 or int8 that stands where a variable stood.

    `tf.matmul` and the like take it as a tensor, which unpacks it whole;
    calling it unpacks only the rows that are asked for.
    """

    def __init__(self, matrix: np.ndarray, kind: str, *, axis: int):
        """Rounds a matrix.

        Args:
          matrix: float32 [rows, columns].
          kind: `float16` or `int8`.
          axis: Along which int8 values share a scale: 1 gives each row its
            own, 0 each column.
        """
        super().__init__(name=f"{kind}_matrix")
        self.scales = None
        if kind == "int8":
            largest = np.abs(matrix).max(axis=axis, keepdims=True)
            scales = np.where(largest > 0, largest / _LARGEST, 1.0)
            matrix = np.rint(matrix / scales)
            self.scales = tf.Variable(
                scales, dtype=tf.float32, trainable=False, name="scales"
            )
        self.values = tf.Variable(
            matrix, dtype=tf.as_dtype(kind), trainable=False, name="values"
        )

    def __call__(self, rows):
        """Gathers float32 [..., columns] for int32 rows."""
        gathered = tf.cast(tf.gather(self.values, rows), tf.float32)
        if self.scales is None:
            return gathered
        return gathered * tf.gather(self.scales, rows)

    def __tf_tensor__(self, dtype=None, name=None):
        """Returns float32 [rows, columns]."""
        del dtype, name
        unpacked = tf.cast(self.values, tf.float32)
        return unpacked if self.scales is None else unpacked * self.scales


def quantise(encoder: BertEncoder, kind: str) -> None:
    """Replaces an encoder's word embedding and kernels in place.

    Args:
      encoder: Can no longer be trained then. A packed word embedding stays.
      kind: `none`, which leaves it as it is, `float16` or `int8`.
    """
    if kind == "none":
        return
    if isinstance(encoder.word_embedding, DenseEmbedding):
        encoder.word_embedding = QuantisedMatrix(
            encoder.word_embedding.table.numpy(), kind, axis=1
        )
    for module in encoder.submodules:
        kernel = getattr(module, "kernel", None)
        if isinstance(kernel, tf.Variable):
            module.kernel = QuantisedMatrix(kernel.numpy(), kind, axis=0)
