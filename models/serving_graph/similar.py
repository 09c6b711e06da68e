"""Items like an item, by behaviour and by text."""

import numpy as np
import tensorflow as tf

from models.index.allowed import LOWEST, Allowed
from models.index.exact import (
    MAX_SCORES_AT_ONCE,
    ExactIndex,
    best_rows,
    in_chunks,
)


class SimilarItems(tf.Module):
    """Blends the cosines of item vectors and of text vectors.

    Cosines, because by dot product the popular items, whose vectors are long,
    would be like everything. An item without events has a vector that says
    little; its text speaks for it.
    """

    def __init__(
        self, items: ExactIndex, texts: ExactIndex | None, text_weight: float
    ):
        """Shares the vectors of both indexes.

        Args:
          items: Item vectors [N, d].
          texts: Text vectors [N, d_text] of unit length, zeros where an item
            has no text; None where there are none at all.
          text_weight: Share of text in the blend, 0 to 1.
        """
        super().__init__(name="similar_items")
        self.items = items
        self.texts = texts
        norms = np.linalg.norm(items.vectors.numpy().astype(np.float32), axis=1)
        self.inverse_norms = tf.Variable(
            1.0 / np.maximum(norms, 1e-12),
            trainable=False,
            dtype=tf.float32,
            name="inverse_norms",
        )
        self._text_weight = text_weight

    def search(
        self, rows: tf.Tensor, k: tf.Tensor, allowed: Allowed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the k eligible items most like each row, itself left out.

        Args:
          rows: int32 [B], -1 where the item is unknown, which none is like.
          k: int32 [].
          allowed: Of the same requests.

        Returns:
          rows int32 [B, k] and scores float32 [B, k], best first.
        """
        return in_chunks(
            lambda chunk: self._search_chunk(chunk[0], k, Allowed(*chunk[1:])),
            (rows, *allowed.but(rows[:, tf.newaxis])),
            max(1, MAX_SCORES_AT_ONCE // max(1, self.items.num_rows)),
        )

    def _search_chunk(self, rows, k, allowed):
        safe = tf.maximum(rows, 0)
        vectors = tf.gather(self.items.vectors, safe)
        vectors *= tf.gather(self.inverse_norms, safe)[:, tf.newaxis]
        scores = self.items.score_all(vectors) * self.inverse_norms
        if self.texts is not None:
            texts = tf.cast(tf.gather(self.texts.vectors, safe), tf.float32)
            has_text = tf.reduce_any(texts != 0, axis=1, keepdims=True)
            weight = self._text_weight * tf.cast(has_text, tf.float32)
            scores = (1 - weight) * scores
            scores += weight * self.texts.score_all(texts)
        good = self.items.eligible & (rows >= 0)[:, tf.newaxis]
        scores = tf.where(good, scores, LOWEST)
        return best_rows(allowed.keep(scores), None, k)
