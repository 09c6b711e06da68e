"""The two towers: items and queries (user, history, context, search text)."""

import numpy as np
import tensorflow as tf

from models.features import Feature
from models.layers.causal_block import CausalBlock
from models.layers.sharded_embedding import ShardedEmbedding

# Bucket 0: no earlier step; b: gaps of 2^(b-1) to 2^b seconds; 2^30 s = 34 a.
TIME_GAP_BUCKETS = 32
# Of ids that do not begin at random.
_START_NORM = 0.3


def _small() -> tf.keras.initializers.Initializer:
    """Returns a fresh one: an instance draws the same values every time."""
    return tf.keras.initializers.RandomNormal(stddev=0.02)


def time_gap_bucket(seconds: tf.Tensor) -> tf.Tensor:
    """Buckets gaps between events by powers of two.

    >>> time_gap_bucket(tf.constant([0, 1, 3, 3600])).numpy().tolist()
    [1, 2, 3, 12]
    """
    bucket = 1 + tf.cast(
        tf.math.log(tf.cast(tf.maximum(seconds, 0) + 1, tf.float32) + 1e-3)
        / tf.math.log(2.0),
        tf.int32,
    )
    return tf.minimum(bucket, TIME_GAP_BUCKETS - 1)


def sum_of_words(
    embedding: tf.keras.layers.Embedding,
    words: tf.Tensor,
    *,
    fixed_shapes: bool = False,
) -> tf.Tensor:
    """Sums the embeddings of the words that are there, float [..., d].

    A sum and not a mean: what a word says of an item does not depend on how
    many others it has.

    Args:
      embedding: Of the words.
      words: int [..., K], indices; 0 is padding.
      fixed_shapes: Whether padding is looked up too, because what compiles
        (XLA) wants shapes that are known.
    """
    if fixed_shapes:
        found = embedding(words)
        there = tf.cast(words > 0, found.dtype)
        return tf.reduce_sum(found * there[..., None], -2)
    flat = tf.reshape(words, [-1, words.shape[-1]])
    # Most places are padding, so only the others are looked up.
    there = tf.where(flat > 0)
    summed = tf.math.unsorted_segment_sum(
        embedding(tf.gather_nd(flat, there)), there[:, 0], tf.shape(flat)[0]
    )
    shape = tf.concat([tf.shape(words)[:-1], [embedding.output_dim]], 0)
    summed = tf.reshape(summed, shape)
    return tf.ensure_shape(summed, [*words.shape[:-1], embedding.output_dim])


class ItemTower(tf.keras.Model):
    """Fuses what is known of an item into one vector.

    The id carries what interactions say, everything else what the catalogue
    says. An id that is hidden (in training, at random) or that training never
    saw is replaced by one learned vector, so that a new item stands on its
    text, image, category, brand, tags and price.

    Args:
      dimension: Width of the vectors.
      num_items: Items in the table.
      features: Rows of the feature table for this tower.
      sizes: Number of indices of each categorical feature.
      id_dropout: Share of ids hidden in a training step.
      dropout: Share of the fused content that is dropped.
      images: Whether items come with images.
      image_dropout: Share of images hidden in a training step, so that an item
        without one is nothing unheard of.
      fixed_shapes: Whether no shape in training may depend on data.
      table_bytes: Above which the table of ids is cut; 0: never.
    """

    def __init__(
        self,
        *,
        dimension: int,
        num_items: int,
        features: tuple[Feature, ...],
        sizes: dict[str, int],
        id_dropout: float,
        dropout: float,
        images: bool = False,
        image_dropout: float = 0.0,
        fixed_shapes: bool = False,
        table_bytes: int = 0,
        **kw,
    ):
        super().__init__(**kw)
        layers = tf.keras.layers
        self.id_dropout = id_dropout
        self.fixed_shapes = fixed_shapes
        row_bytes = 4 * dimension
        if table_bytes and (num_items + 1) * row_bytes > table_bytes:
            self.ids = ShardedEmbedding(
                num_items + 1,
                dimension,
                _small,
                max(1, table_bytes // row_bytes),
                name="item_ids",
            )
        else:
            self.ids = layers.Embedding(
                num_items + 1, dimension, _small(), name="item_ids"
            )
        self.unknown = self.add_weight(
            name="unknown", shape=[dimension], initializer=_small()
        )
        self.categorical = {
            f.name: layers.Embedding(
                sizes[f.name], dimension, _small(), name=f.name
            )
            for f in features
            if f.size
        }
        self.lists = [f.name for f in features if f.is_list]
        self.numeric = [f.name for f in features if not f.size]
        self.numbers = layers.Dense(
            dimension, use_bias=False, kernel_initializer=_small()
        )
        self.text_projection = layers.Dense(
            dimension, use_bias=False, kernel_initializer=_small()
        )
        self.norm = layers.LayerNormalization(epsilon=1e-6)
        self.up = layers.Dense(2 * dimension, activation="gelu")
        self.down = layers.Dense(dimension, kernel_initializer="zeros")
        self.dropout = layers.Dropout(dropout)
        self.image_dropout = image_dropout
        self.images = images
        if images:
            self.image_projection = layers.Dense(
                dimension, use_bias=False, kernel_initializer=_small()
            )
            self.no_image = self.add_weight(
                name="no_image", shape=[dimension], initializer=_small()
            )

    def content(self, items: dict, training: bool = False) -> tf.Tensor:
        """Returns what the catalogue says of items, float [..., dimension].

        Args:
          items: `text`, `image` and the features, as for `call`.
          training: Whether images are hidden and dropout is on.
        """
        content = self.text_projection(items["text"])
        for name, embedding in self.categorical.items():
            if name in self.lists:
                content += sum_of_words(
                    embedding,
                    items[name],
                    fixed_shapes=training and self.fixed_shapes,
                )
            else:
                content += embedding(items[name])
        if self.numeric:
            content += self.numbers(
                tf.stack([items[name] for name in self.numeric], -1)
            )
        if self.images:
            content += self._image(items["image"], training)
        hidden = self.dropout(self.up(self.norm(content)), training=training)
        content += self.down(hidden)
        return content

    def _image(self, image, training):
        """Projects images; one vector stands for those that are not there."""
        there = tf.reduce_any(image != 0, -1, keepdims=True)
        if training and self.image_dropout:
            there &= tf.random.uniform(tf.shape(there)) >= self.image_dropout
        seen = self.image_projection(image)
        return tf.where(there, seen, tf.cast(self.no_image, seen.dtype))

    def start_ids(self, factors: np.ndarray) -> None:
        """Puts item ids where they are to begin; `call` was called before.

        Args:
          factors: float32 [N, F], of norm 1, F at most the dimension; items
            of zeros, and the other coordinates, keep their random values.
        """
        sharded = isinstance(self.ids, ShardedEmbedding)
        table = self.ids if sharded else self.ids.embeddings
        values = table.numpy()
        placed = values[1:, : factors.shape[1]]
        known = factors.any(1)
        placed[known] = _START_NORM * factors[known]
        table.assign(values)

    def content_weights(self) -> list[tf.Variable]:
        """Returns the variables that `content` reads; it was called before."""
        layers = [
            *self.categorical.values(),
            self.text_projection,
            self.norm,
            self.up,
            self.down,
        ]
        if self.numeric:
            layers.append(self.numbers)
        weights = [weight for layer in layers for weight in layer.variables]
        if self.images:
            weights += [*self.image_projection.variables, self.no_image]
        return weights

    def call(self, items: dict, training: bool = False) -> tf.Tensor:
        """Returns float [..., dimension] of rows of the item table.

        Args:
          items: `rows` int32 [...] (-1 unknown), `trained` float [...] (1
            where training sees the id), `text` float [..., text dimension]
            centred, with images `image` [..., image dimension] centred,
            zeros for none, and the features, [...] each, lists [..., K].
          training: Whether ids and images are hidden and dropout is on.
        """
        content = self.content(items, training)
        known = items["trained"][..., None]
        if training and self.id_dropout:
            draw = tf.random.uniform(tf.shape(known))
            known *= tf.cast(draw >= self.id_dropout, known.dtype)
        known = tf.cast(known, content.dtype)
        ids = self.ids(items["rows"] + 1)
        unknown = tf.cast(self.unknown, content.dtype)
        return content + known * ids + (1 - known) * unknown


class QueryTower(tf.keras.Model):
    """Reads a history and the request's context.

    Args:
      dimension: Width of the vectors.
      num_blocks: Transformer blocks over the history.
      num_heads: Attention heads.
      feed_forward: Width of the blocks' hidden layers, in dimensions.
      gated: Whether the blocks' residuals pass gates.
      dropout: Share dropped.
      features: Rows of the feature table with `tower="context"`.
      sizes: Number of indices of each of them.
      num_event_types: Indices of event types, 0 included.
    """

    def __init__(
        self,
        *,
        dimension: int,
        num_blocks: int,
        num_heads: int,
        feed_forward: int,
        gated: bool,
        dropout: float,
        features: tuple[Feature, ...],
        sizes: dict[str, int],
        num_event_types: int,
        **kw,
    ):
        super().__init__(**kw)
        layers = tf.keras.layers
        self.scale = dimension**0.5
        self.start = self.add_weight(
            name="start", shape=[dimension], initializer=_small()
        )

        def embedding(size, name):
            return layers.Embedding(size, dimension, _small(), name=name)

        self.event_types = embedding(num_event_types, "event_types")
        self.gaps = embedding(TIME_GAP_BUCKETS, "gaps")
        self.recency = embedding(TIME_GAP_BUCKETS, "recency")
        self.context = {
            f.name: embedding(sizes[f.name], f.name) for f in features
        }
        self.blocks = [
            CausalBlock(dimension, num_heads, feed_forward, dropout, gated)
            for _ in range(num_blocks)
        ]
        self.norm = layers.LayerNormalization(epsilon=1e-6)
        self.up = layers.Dense(2 * dimension, activation="gelu")
        self.down = layers.Dense(dimension, kernel_initializer="zeros")
        self.text_gate = self.add_weight(
            name="text_gate", shape=[], initializer="ones"
        )
        self.dropout = layers.Dropout(dropout)

    def states(self, history: dict, training: bool = False) -> tf.Tensor:
        """Encodes a history before each of its steps and after the last.

        Args:
          history: `items` float [B, L, d] (item representations), `types`
            and `gaps` int32 [B, L]; padded on the right.
          training: Whether dropout is on.

        Returns:
          float [B, L + 1, d]; entry t has read the first t steps.
        """
        items = tf.cast(history["items"], self.compute_dtype)
        steps = (
            items + self.event_types(history["types"])
        ) * self.scale + self.gaps(history["gaps"]) * self.scale
        start = tf.cast(self.start, steps.dtype) * self.scale
        start = tf.broadcast_to(start, [tf.shape(items)[0], 1, items.shape[-1]])
        steps = tf.concat([start, steps], 1)
        steps = self.dropout(steps, training=training)
        for block in self.blocks:
            steps = block(steps, training=training)
        return self.norm(steps)

    def context_vector(self, context: dict, text: tf.Tensor) -> tf.Tensor:
        """Sums the embeddings of the context: float [..., d].

        Args:
          context: `recency` and the context features, int [...] each.
          text: float [..., d], projected search text, zero for none.
        """
        total = self.recency(context["recency"]) + tf.cast(
            text, self.compute_dtype
        )
        for name, embedding in self.context.items():
            total += embedding(context[name])
        return total * self.scale

    def fuse(
        self,
        states: tf.Tensor,
        context: tf.Tensor,
        text: tf.Tensor,
        training: bool = False,
    ) -> tf.Tensor:
        """Joins history, context and search text, [..., d] each."""
        both = tf.concat([states, context], -1)
        hidden = self.dropout(self.up(both), training=training)
        text = tf.cast(text, states.dtype) * tf.cast(
            self.text_gate, states.dtype
        )
        return states + self.down(hidden) + text * self.scale
