"""Exact search in core TensorFlow ops, so that any server can run it."""

import numpy as np
import tensorflow as tf

from models.index.allowed import LOWEST, Allowed

# Scores that are held at once, over all queries of a batch: 128 MB.
MAX_SCORES_AT_ONCE = 32_000_000


def best_rows(
    scores: tf.Tensor, rows: tf.Tensor | None, k: int | tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the k best of masked scores and pads to k.

    Args:
      scores: float32 [B, C], `LOWEST` where a candidate may not come through.
      rows: int32 [B, C], or None where column i is row i.
      k: How many, as a number or int32 []; may be more than C.

    Returns:
      rows int32 [B, k] and scores float32 [B, k], best first; -1 and
      `LOWEST` in slots that cannot be filled.
    """
    k = tf.convert_to_tensor(k, tf.int32)
    found = tf.minimum(k, tf.shape(scores)[1])
    values, columns = tf.math.top_k(scores, found)
    if rows is not None:
        columns = tf.gather(rows, columns, batch_dims=1)
    columns = tf.where(values > LOWEST, columns, -1)
    padding = [[0, 0], [0, k - found]]
    return (
        tf.pad(columns, padding, constant_values=-1),
        tf.pad(values, padding, constant_values=LOWEST),
    )


class ExactIndex(tf.Module):
    """All items scored, the best taken.

    Vectors are a variable, not a constant: a graph may hold no more than 2 GB.

    Attributes:
      vectors: Variable float32 or float16 [N, d].
      eligible: Variable bool [N]; other rows never come through.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        eligible: np.ndarray | None = None,
        max_scores_at_once: int = MAX_SCORES_AT_ONCE,
    ):
        """Copies the vectors into variables.

        Args:
          vectors: float32 or float16 [N, d]; halves are widened a chunk at a
            time as they are used.
          eligible: bool [N], all where None.
          max_scores_at_once: Larger batches are searched in chunks.
        """
        super().__init__(name="exact_index")
        if eligible is None:
            eligible = np.ones(len(vectors), bool)
        self.num_rows = len(vectors)
        self.vectors = tf.Variable(vectors, trainable=False, name="vectors")
        self.eligible = tf.Variable(eligible, trainable=False, name="eligible")
        self._chunk = max(1, max_scores_at_once // max(1, self.num_rows))

    def score_all(self, query: tf.Tensor) -> tf.Tensor:
        """Scores every row: float32 [B, d] to float32 [B, N]."""
        return tf.matmul(
            query, tf.cast(self.vectors, tf.float32), transpose_b=True
        )

    def score_rows(self, query: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Scores given rows.

        Args:
          query: float32 [B, d].
          rows: int32 [B, C], at least 0.

        Returns:
          float32 [B, C].
        """
        vectors = tf.cast(tf.gather(self.vectors, rows), tf.float32)
        return tf.linalg.matvec(vectors, query)

    def search(
        self, query: tf.Tensor, k: int | tf.Tensor, allowed: Allowed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the k best eligible rows that are allowed.

        Args:
          query: float32 [B, d].
          k: How many, at least 1; may be more than there are rows.
          allowed: Of the same requests.

        Returns:
          rows int32 [B, k] and scores float32 [B, k], best first.
        """
        return in_chunks(
            lambda chunk: self._search_chunk(chunk[0], k, Allowed(*chunk[1:])),
            (query, *allowed),
            self._chunk,
        )

    def _search_chunk(self, query, k, allowed):
        scores = tf.where(self.eligible, self.score_all(query), LOWEST)
        return best_rows(allowed.keep(scores), None, k)


def in_chunks(search, inputs: tuple[tf.Tensor, ...], chunk: int | tf.Tensor):
    """Calls `search` on at most `chunk` queries at once.

    Args:
      search: Maps a tuple of inputs to (rows int32 [b, k], scores float32
        [b, k]).
      inputs: Tensors that share their first dimension, B.
      chunk: Queries at once, at least 1.

    Returns:
      What `search` returns, for all B.
    """
    batch = tf.shape(inputs[0])[0]

    def searched_in_turn():
        num_chunks = -(-batch // chunk)
        missing = num_chunks * chunk - batch

        def folded(tensor):
            widened = tf.pad(
                tensor, [[0, missing]] + [[0, 0]] * (len(tensor.shape) - 1)
            )
            shape = tf.concat([[num_chunks, chunk], tf.shape(tensor)[1:]], 0)
            return tf.reshape(widened, shape)

        rows, scores = tf.map_fn(
            search,
            tuple(folded(tensor) for tensor in inputs),
            fn_output_signature=(
                tf.TensorSpec([None, None], tf.int32),
                tf.TensorSpec([None, None], tf.float32),
            ),
            parallel_iterations=1,
        )
        k = tf.shape(rows)[2]
        return (
            tf.reshape(rows, [-1, k])[:batch],
            tf.reshape(scores, [-1, k])[:batch],
        )

    rows, scores = tf.cond(
        batch <= chunk, lambda: search(inputs), searched_in_turn
    )
    return (
        tf.ensure_shape(rows, [None, None]),
        tf.ensure_shape(scores, [None, None]),
    )
