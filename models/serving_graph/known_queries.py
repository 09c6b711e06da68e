"""Vectors of frequent queries, kept beside the text encoder."""

from collections.abc import Callable, Sequence

import tensorflow as tf


class KnownQueries(tf.Module):
    """Looks frequent queries up and encodes only the others.

    A text's vector never changes within a version, so nothing runs out, and a
    new version brings its own.
    """

    def __init__(
        self,
        queries: Sequence[bytes],
        encode: Callable[[tf.Tensor], tf.Tensor],
    ):
        """Encodes the queries once.

        Args:
          queries: Those to keep, as requests will have them, without the
            empty one.
          encode: string [B] to float32 [B, t], each text for itself; zeros
            for the empty text, at no cost.
        """
        super().__init__(name="known_queries")
        # Row 0 is that of the empty text, and of all others.
        texts = tf.constant([b"", *queries])
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(texts, tf.range(len(texts))),
            default_value=0,
        )
        self._vectors = tf.Variable(
            encode(texts), trainable=False, name="vectors"
        )

    def encode(
        self, queries: tf.Tensor, encode: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """Returns float32 [B, t] of string [B]; `encode` as at the making."""
        rows = self._rows.lookup(queries)
        others = encode(tf.where(rows > 0, "", queries))
        kept = tf.gather(self._vectors, rows)
        return tf.where(rows[:, tf.newaxis] > 0, kept, others)
