"""Items by the text of a query: by what it means, and by its words."""

import tensorflow as tf

from models.index.allowed import LOWEST, Allowed
from models.index.exact import (
    MAX_SCORES_AT_ONCE,
    ExactIndex,
    best_rows,
    in_chunks,
)
from models.index.lexical import LexicalIndex


class TextSearch(tf.Module):
    """Adds to the cosine of texts a little for the words they share.

    Cosines of an encoder lie close together, so that a small weight is
    enough; where no word is shared, the cosine alone decides.
    """

    def __init__(
        self, texts: ExactIndex, words: LexicalIndex, words_weight: float
    ):
        """Shares both indexes.

        Args:
          texts: Text vectors of unit length, eligible where an item has one.
          words: Of the same rows.
          words_weight: What all words of a query in an item's text add to
            the cosine, at least 0.
        """
        super().__init__(name="text_search")
        self.texts = texts
        self.words = words
        self._weight = words_weight

    def search(
        self,
        vectors: tf.Tensor,
        queries: tf.Tensor,
        k: int | tf.Tensor,
        allowed: Allowed,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the k eligible and allowed rows that fit the queries best.

        Args:
          vectors: float32 [B, d], of the queries, one long.
          queries: string [B].
          k: How many, at least 1.
          allowed: Of the same requests.

        Returns:
          rows int32 [B, k] and scores float32 [B, k], best first.
        """
        return in_chunks(
            lambda chunk: self._search_chunk(chunk, k),
            (vectors, queries, *allowed),
            max(1, MAX_SCORES_AT_ONCE // max(1, self.texts.num_rows)),
        )

    def score_rows(
        self, vectors: tf.Tensor, queries: tf.Tensor, rows: tf.Tensor
    ) -> tf.Tensor:
        """Scores given rows, int32 [B, C] and at least 0: float32 [B, C]."""
        shared = tf.gather(self.words.score_all(queries), rows, batch_dims=1)
        return self.texts.score_rows(vectors, rows) + self._weight * shared

    def _search_chunk(self, chunk, k):
        vectors, queries, *allowed = chunk
        scores = self.texts.score_all(vectors)
        scores += self._weight * self.words.score_all(queries)
        scores = tf.where(self.texts.eligible, scores, LOWEST)
        return best_rows(Allowed(*allowed).keep(scores), None, k)
