"""BERT's encoder as a `tf.Module`: layer norms after the residual sums.

After Devlin et al. 2018, https://arxiv.org/abs/1810.04805. Matrix products
run on [tokens, features] and biases through `bias_add`, which TensorFlow's
graph optimiser fuses on CPUs.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from models.text.e5_weights import BLOCK, Q4Matrix

# Added to the attention logits of padding.
_MASKED = -1e9
# Of the feed-forward networks, under the names that checkpoints use.
ACTIVATIONS = {
    "gelu": functools.partial(tf.nn.gelu, approximate=False),
    "gelu_new": functools.partial(tf.nn.gelu, approximate=True),
    "gelu_pytorch_tanh": functools.partial(tf.nn.gelu, approximate=True),
    "relu": tf.nn.relu,
}
# What `pooled_output` may be.
POOLER, CLS, MEAN = "pooler", "cls", "mean"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outline:
    """What a network's variables do not say of it.

    Attributes:
      heads: Attention heads; divides hidden.
      epsilon: Of the layer norms.
      activation: One of `ACTIVATIONS`.
      pooling: What a text's vector is: `pooler`, `cls` or `mean`.
      unit_length: Whether `cls` and `mean` are scaled to length 1.
    """

    heads: int
    epsilon: float
    activation: str
    pooling: str
    unit_length: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerWeights:
    """Start values of one layer; kernels are [in, out].

    Attributes:
      qkv: Kernel [hidden, 3 * hidden] of query, key and value, and its bias.
      attention: Kernel [hidden, hidden] after attention, and its bias.
      attention_norm: Scale and offset [hidden] of the norm after attention.
      widen: Kernel [hidden, feed_forward], and its bias.
      narrow: Kernel [feed_forward, hidden], and its bias.
      output_norm: Scale and offset [hidden] of the norm at the end.
    """

    qkv: tuple[np.ndarray, np.ndarray]
    attention: tuple[np.ndarray, np.ndarray]
    attention_norm: tuple[np.ndarray, np.ndarray]
    widen: tuple[np.ndarray, np.ndarray]
    narrow: tuple[np.ndarray, np.ndarray]
    output_norm: tuple[np.ndarray, np.ndarray]


class DenseEmbedding(tf.Module):
    """Rows of a float32 table; trainable."""

    def __init__(self, table: np.ndarray):
        super().__init__(name="word_embedding")
        self.table = tf.Variable(table, dtype=tf.float32, name="table")

    def __call__(self, ids):
        """Gathers float32 [..., hidden] for int32 ids."""
        return tf.gather(self.table, ids)


class PackedEmbedding(tf.Module):
    """Rows of a 4-bit table, unpacked when gathered.

    An eighth of float32 on disk and in memory, and exact. Packed rows cannot
    be trained, so this table stays as it is when the layers are fine-tuned.
    """

    def __init__(self, table: Q4Matrix):
        super().__init__(name="word_embedding")
        self.nibbles = tf.Variable(
            table.nibbles, trainable=False, name="nibbles"
        )
        self.scales = tf.Variable(table.scales, trainable=False, name="scales")

    def __call__(self, ids):
        """Gathers float32 [..., hidden] for int32 ids."""
        flat = tf.reshape(ids, [-1])
        blocks = self.scales.shape[1]
        packed = tf.reshape(
            tf.gather(self.nibbles, flat), [-1, blocks, BLOCK // 2]
        )
        values = tf.concat(
            [
                tf.bitwise.bitwise_and(packed, tf.constant(15, tf.uint8)),
                tf.bitwise.right_shift(packed, tf.constant(4, tf.uint8)),
            ],
            axis=-1,
        )
        scales = tf.cast(tf.gather(self.scales, flat), tf.float32)
        rows = (tf.cast(values, tf.float32) - 8.0) * scales[:, :, None]
        return tf.reshape(
            rows, tf.concat([tf.shape(ids), [blocks * BLOCK]], axis=0)
        )


class _Dense(tf.Module):
    """A matrix product and a bias on [tokens, in]."""

    def __init__(self, weights, name):
        super().__init__(name=name)
        kernel, bias = weights
        self.kernel = tf.Variable(kernel, dtype=tf.float32, name="kernel")
        self.bias = tf.Variable(bias, dtype=tf.float32, name="bias")

    def __call__(self, x):
        return tf.nn.bias_add(tf.matmul(x, self.kernel), self.bias)


class _LayerNorm(tf.Module):
    """Layer norm over the last axis."""

    def __init__(self, weights, epsilon, name):
        super().__init__(name=name)
        scale, offset = weights
        self.scale = tf.Variable(scale, dtype=tf.float32, name="scale")
        self.offset = tf.Variable(offset, dtype=tf.float32, name="offset")
        self.epsilon = epsilon

    def __call__(self, x):
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        normal = centred * tf.math.rsqrt(variance + self.epsilon)
        return normal * self.scale + self.offset


class _Layer(tf.Module):
    """Self-attention and a feed-forward network."""

    def __init__(self, weights: LayerWeights, heads, epsilon, activation, name):
        super().__init__(name=name)
        self.heads = heads
        self.activation = ACTIVATIONS[activation]
        self.qkv = _Dense(weights.qkv, "qkv")
        self.attention = _Dense(weights.attention, "attention")
        self.attention_norm = _LayerNorm(
            weights.attention_norm, epsilon, "attention_norm"
        )
        self.widen = _Dense(weights.widen, "widen")
        self.narrow = _Dense(weights.narrow, "narrow")
        self.output_norm = _LayerNorm(
            weights.output_norm, epsilon, "output_norm"
        )

    def __call__(self, x, bias, batch, length):
        """Transforms [batch * length, hidden].

        Args:
          x: float32 [batch * length, hidden].
          bias: float32 [batch, 1, 1, length], added to attention logits.
          batch: int32 [].
          length: int32 [].

        Returns:
          float32 [batch * length, hidden].
        """
        hidden = x.shape[-1]
        size = hidden // self.heads
        qkv = tf.reshape(self.qkv(x), [batch, length, 3, self.heads, size])
        query, key, value = tf.unstack(
            tf.transpose(qkv, [2, 0, 3, 1, 4]), num=3
        )
        logits = tf.matmul(query * size**-0.5, key, transpose_b=True)
        mixed = tf.matmul(tf.nn.softmax(logits + bias), value)
        mixed = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, hidden])
        x = self.attention_norm(x + self.attention(mixed))
        wide = self.activation(self.widen(x))
        return self.output_norm(x + self.narrow(wide))


class BertEncoder(tf.Module):
    """Token ids to one vector a token and one a text."""

    def __init__(
        self,
        *,
        word_embedding: DenseEmbedding | PackedEmbedding,
        positions: np.ndarray,
        types: np.ndarray,
        embedding_norm: tuple[np.ndarray, np.ndarray],
        layers: list[LayerWeights],
        heads: int,
        epsilon: float = 1e-12,
        activation: str = "gelu",
        pooler: tuple[np.ndarray, np.ndarray] | None = None,
        pooling: str = "",
        unit_length: bool = True,
        projection: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        """Makes the variables.

        Args:
          word_embedding: Vocabulary rows.
          positions: float32 [longest sequence, hidden].
          types: float32 [segment types, hidden].
          embedding_norm: Scale and offset of the norm of the embeddings.
          layers: Start values, from the bottom.
          heads: Attention heads; divides hidden.
          epsilon: Of the layer norms.
          activation: One of `ACTIVATIONS`; `gelu` is the exact one.
          pooler: BERT's own, a kernel [hidden, hidden] and a bias on the
            first token; needed where `pooling` is `pooler`.
          pooling: What a text's vector is: `pooler`; `cls`, what the first
            token became; `mean`, the mean over the tokens. Empty: the
            pooler where there is one, else the mean.
          unit_length: Whether `cls` and `mean` are scaled to length 1.
          projection: Kernel [hidden, d] and bias that `cls` and `mean` go
            through before they are scaled; None leaves them as they are.
        """
        super().__init__(name="bert")
        self.word_embedding = word_embedding
        self.positions = tf.Variable(
            positions, dtype=tf.float32, name="positions"
        )
        self.types = tf.Variable(types, dtype=tf.float32, name="types")
        self.embedding_norm = _LayerNorm(
            embedding_norm, epsilon, "embedding_norm"
        )
        self.layers = [
            _Layer(weights, heads, epsilon, activation, f"layer_{number}")
            for number, weights in enumerate(layers)
        ]
        self.pooler = None if pooler is None else _Dense(pooler, "pooler")
        self.pooling = pooling or (MEAN if pooler is None else POOLER)
        if self.pooling == POOLER and pooler is None:
            raise ValueError(f"pooling is {pooling!r}, but pooler is None")
        self.unit_length = unit_length
        self.outline = Outline(
            heads=heads,
            epsilon=epsilon,
            activation=activation,
            pooling=self.pooling,
            unit_length=unit_length,
        )
        self.projection = (
            None if projection is None else _Dense(projection, "projection")
        )

    def __call__(self, inputs):
        """Encodes a batch.

        Args:
          inputs: `input_word_ids`, `input_mask` (1 on tokens, 0 on padding),
            `input_type_ids`: int32 [batch, length].

        Returns:
          `pooled_output` and `default` float32 [batch, hidden], or [batch, d]
          where there is a projection;
          `sequence_output` float32 [batch, length, hidden];
          `encoder_outputs`, what each layer gave, a list of the same shape.
        """
        ids = inputs["input_word_ids"]
        mask = tf.cast(inputs["input_mask"], tf.float32)
        batch, length = tf.unstack(tf.shape(ids))
        hidden = self.positions.shape[1]
        x = (
            self.word_embedding(ids)
            + self.positions[:length]
            + tf.gather(self.types, inputs["input_type_ids"])
        )
        x = self.embedding_norm(tf.reshape(x, [-1, hidden]))
        bias = (1.0 - mask)[:, None, None, :] * _MASKED
        outputs = []
        for layer in self.layers:
            x = layer(x, bias, batch, length)
            outputs.append(tf.reshape(x, [batch, length, hidden]))
        pooled = self._pool(outputs[-1], mask)
        return {
            "pooled_output": pooled,
            "default": pooled,
            "sequence_output": outputs[-1],
            "encoder_outputs": outputs,
        }

    def _pool(self, sequence, mask):
        if self.pooling == POOLER and self.pooler is not None:
            return tf.tanh(self.pooler(sequence[:, 0]))
        if self.pooling == CLS:
            pooled = sequence[:, 0]
        else:
            pooled = mean_pool(sequence, mask)
        if self.projection is not None:
            pooled = self.projection(pooled)
        if self.unit_length:
            pooled = tf.math.l2_normalize(pooled, -1)
        return pooled


def mean_pool(sequence, mask):
    """Averages over the tokens of each text; 0 where it has none.

    Args:
      sequence: float32 [batch, length, hidden].
      mask: [batch, length], 1 on tokens, 0 on padding.

    Returns:
      float32 [batch, hidden].
    """
    mask = tf.cast(mask, sequence.dtype)[:, :, None]
    total = tf.reduce_sum(sequence * mask, axis=1)
    return tf.math.divide_no_nan(total, tf.reduce_sum(mask, axis=1))
