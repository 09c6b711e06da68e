"""A pre-norm causal Transformer block with rotary positions."""

import tensorflow as tf


def rotate(x: tf.Tensor) -> tf.Tensor:
    """Turns pairs of channels by an angle that grows with the position.

    The dot product of two rotated vectors depends on how far apart they
    stand and not on where (Su et al. 2021, RoFormer).

    Args:
      x: float [batch, heads, length, width], width even.

    Returns:
      The same shape and type.
    """
    half = x.shape[-1] // 2
    frequency = 10_000.0 ** (-tf.range(half, dtype=tf.float32) / half)
    position = tf.cast(tf.range(tf.shape(x)[2]), tf.float32)
    angle = position[:, None] * frequency[None, :]
    cos, sin = (tf.cast(f(angle), x.dtype) for f in (tf.cos, tf.sin))
    first, second = x[..., :half], x[..., half:]
    return tf.concat(
        [first * cos - second * sin, first * sin + second * cos], -1
    )


class CausalBlock(tf.keras.layers.Layer):
    """Attention to earlier steps, then a feed-forward layer.

    A step attends to itself and to what came before. Sequences are padded on
    the right, so padding never reaches a real step and no mask is needed.

    Args:
      dimension: Width of the steps.
      num_heads: Attention heads.
      feed_forward: Width of the hidden layer, as a multiple of `dimension`.
      dropout: Share dropped of attention weights and of both residuals.
      gated: Whether each residual passes a gate that its input opens, and
        the hidden layer is one of gated units (LiGR, Borisyuk et al. 2025).
    """

    def __init__(
        self,
        dimension: int,
        num_heads: int,
        feed_forward: int,
        dropout: float,
        gated: bool,
        **kw,
    ):
        super().__init__(**kw)
        dense = tf.keras.layers.Dense
        self.num_heads = num_heads
        self.width = dimension // num_heads
        self.norms = [
            tf.keras.layers.LayerNormalization(epsilon=1e-6) for _ in range(2)
        ]
        self.query_key_value = dense(3 * dimension, use_bias=False)
        self.out = dense(dimension)
        hidden = feed_forward * dimension
        self.up = dense(hidden, activation="swish" if gated else "gelu")
        self.down = dense(dimension)
        self.gates = [
            dense(dimension, activation="sigmoid") for _ in range(2 * gated)
        ]
        self.linear = dense(hidden) if gated else None
        self.dropout = tf.keras.layers.Dropout(dropout)

    def call(self, steps: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns float [batch, length, dimension], as `steps` is."""
        for i, part in enumerate((self._attend, self._feed_forward)):
            found = self.dropout(
                part(self.norms[i](steps), training), training=training
            )
            steps += found * self.gates[i](steps) if self.gates else found
        return steps

    def _feed_forward(self, steps, training):
        hidden = self.up(steps)
        if self.linear is not None:
            hidden *= self.linear(steps)
            hidden = self.dropout(hidden, training=training)
        return self.down(hidden)

    def _attend(self, steps, training):
        batch, length = tf.shape(steps)[0], tf.shape(steps)[1]
        heads = tf.reshape(
            self.query_key_value(steps),
            [batch, length, 3, self.num_heads, self.width],
        )
        query, key, value = tf.unstack(
            tf.transpose(heads, [2, 0, 3, 1, 4]), axis=0
        )
        scores = tf.matmul(rotate(query), rotate(key), transpose_b=True)
        scores = tf.cast(scores, tf.float32) * self.width**-0.5
        past = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0)
        weights = tf.nn.softmax(tf.where(past, scores, -1e9))
        weights = self.dropout(tf.cast(weights, value.dtype), training=training)
        mixed = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return self.out(
            tf.reshape(mixed, [batch, length, self.num_heads * self.width])
        )
