"""Experts that several heads share."""

import tensorflow as tf


class MixtureOfExperts(tf.keras.layers.Layer):
    """Multi-gate mixture of experts (Ma et al. 2018).

    All heads read the same experts, and each weighs them for itself, so heads
    with few positives (buy) learn from those with many (click).

    Args:
      num_heads: Number of gates and of outputs.
      num_experts: Number of experts.
      width: Units of each expert.
      dropout: Share of an expert's units that is dropped.
    """

    def __init__(
        self,
        num_heads: int,
        num_experts: int,
        width: int,
        dropout: float,
        **kw,
    ):
        super().__init__(**kw)
        dense = tf.keras.layers.Dense
        self.num_heads, self.num_experts = num_heads, num_experts
        self.width = width
        self.hidden = dense(num_experts * width, activation="gelu")
        self.gates = dense(num_heads * num_experts)
        self.dropout = tf.keras.layers.Dropout(dropout)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Mixes the experts once for every head.

        Args:
          inputs: float [..., features].
          training: Whether dropout is on.

        Returns:
          float [..., num_heads, width].
        """
        front = tf.shape(inputs)[:-1]
        experts = tf.reshape(
            self.dropout(self.hidden(inputs), training=training),
            tf.concat([front, [self.num_experts, self.width]], 0),
        )
        gates = tf.reshape(
            self.gates(inputs),
            tf.concat([front, [self.num_heads, self.num_experts]], 0),
        )
        return tf.matmul(tf.nn.softmax(gates), experts)
