"""Search in blocks of neighbours, in core TensorFlow ops."""

import numpy as np
import tensorflow as tf

from models.index.blocks import Blocks
from models.index.exact import LOWEST, ExactIndex, best_rows, in_chunks

# Floats of gathered blocks that are held at once: 128 MB.
_MOST_FLOATS = 32_000_000
# Rows left out up to which nothing changes: a history, a few exclusions.
_FEW = 500
# Share of the catalogue that is scored, from which scoring all is no dearer:
# a row of a block costs more than one of the whole matrix.
_EXACT_SHARE = 0.2


class BlocksIndex(tf.Module):
    """Scores the rows of the blocks whose means fit a query best.

    A filter that leaves few rows makes a fixed number of blocks miss most of
    them. Then only blocks with rows that are left are looked into, and more
    of them in proportion; where that comes near to all rows, or slots stay
    empty that could be filled, all rows that are left are scored instead.
    """

    def __init__(self, items: ExactIndex, blocks: Blocks):
        """Copies the vectors into the order of the blocks.

        Args:
          items: All rows; searched where a request leaves few of them.
          blocks: Of the same rows.
        """
        super().__init__(name="blocks_index")
        self._items = items
        self.num_rows = items.num_rows
        eligible = items.eligible.numpy()
        rows = blocks.rows
        rows = np.where((rows >= 0) & eligible[np.maximum(rows, 0)], rows, -1)
        vectors = items.vectors.numpy()[np.maximum(rows, 0)]
        self.rows = tf.Variable(rows, trainable=False, name="rows")
        self.means = tf.Variable(blocks.means, trainable=False, name="means")
        self.vectors = tf.Variable(vectors, trainable=False, name="vectors")
        self._searched = blocks.searched
        self._dimension = vectors.shape[2]

    def search(
        self, query: tf.Tensor, k: int | tf.Tensor, allowed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds about the k best eligible rows that are allowed.

        Args:
          query: float32 [B, d].
          k: How many, at least 1; may be more than there are rows.
          allowed: bool [B, N].

        Returns:
          rows int32 [B, k] and scores float32 [B, k], best first.
        """
        number, size = self.rows.shape
        k = tf.convert_to_tensor(k, tf.int32)
        left_out = self.num_rows - tf.math.count_nonzero(
            allowed, axis=1, dtype=tf.int32
        )
        useful, effort = tf.cond(
            tf.reduce_max(left_out) <= _FEW,
            lambda: (tf.ones([tf.shape(query)[0], number], tf.bool), 1.0),
            lambda: self._where_left(allowed),
        )
        wanted = tf.cast(tf.math.ceil(self._searched * effort), tf.int32)
        # Blocks are not full, and some of their rows are left out.
        least = -(-(2 * k + tf.minimum(tf.reduce_max(left_out), _FEW)) // size)
        wanted = tf.minimum(tf.maximum(wanted, least), number)

        def exactly():
            return self._items.search(query, k, allowed)

        def in_blocks():
            found = in_chunks(
                lambda chunk: self._search_chunk(chunk, k, wanted),
                (query, allowed, useful),
                tf.maximum(
                    1, _MOST_FLOATS // (wanted * size * self._dimension)
                ),
            )
            # Counting what there is costs as much as all of this.
            full = tf.cond(
                tf.reduce_any(found[0] < 0),
                lambda: self._is_full(found[0], allowed),
                lambda: tf.constant(True),
            )
            return tf.cond(full, lambda: found, exactly)

        scored = tf.cast(wanted * size, tf.float32)
        return tf.cond(
            scored > _EXACT_SHARE * self.num_rows, exactly, in_blocks
        )

    def _where_left(self, allowed):
        """Returns the blocks with rows that are left, and how much thinner."""
        there = self.rows >= 0
        left = tf.gather(allowed, tf.maximum(self.rows, 0), axis=1) & there
        useful = tf.reduce_any(left, axis=2)
        in_useful = tf.math.count_nonzero(
            there & useful[:, :, tf.newaxis], axis=[1, 2], dtype=tf.float32
        )
        kept = tf.math.count_nonzero(left, axis=[1, 2], dtype=tf.float32)
        effort = tf.math.divide_no_nan(in_useful, kept)
        return useful, tf.maximum(tf.reduce_max(effort), 1.0)

    def _search_chunk(self, chunk, k, wanted):
        query, allowed, useful = chunk
        fit = tf.matmul(query, self.means, transpose_b=True)
        fit = tf.where(useful, fit, LOWEST)
        _, blocks = tf.math.top_k(fit, wanted, sorted=False)
        batch = tf.shape(query)[0]
        rows = tf.reshape(tf.gather(self.rows, blocks), [batch, -1])
        vectors = tf.cast(tf.gather(self.vectors, blocks), tf.float32)
        vectors = tf.reshape(vectors, [batch, -1, self._dimension])
        scores = tf.linalg.matvec(vectors, query)
        good = (rows >= 0) & tf.gather(
            allowed, tf.maximum(rows, 0), batch_dims=1
        )
        return best_rows(tf.where(good, scores, LOWEST), rows, k)

    def _is_full(self, rows, allowed):
        """Says whether no slot is empty that could be filled, bool []."""
        found = tf.math.count_nonzero(rows >= 0, axis=1, dtype=tf.int32)
        there = tf.math.count_nonzero(
            allowed & self._items.eligible, axis=1, dtype=tf.int32
        )
        return tf.reduce_all(found >= tf.minimum(there, tf.shape(rows)[1]))
