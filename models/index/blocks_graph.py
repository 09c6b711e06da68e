"""Search in blocks of neighbours, in core TensorFlow ops."""

import numpy as np
import tensorflow as tf

from models.index.allowed import LOWEST, Allowed
from models.index.blocks import Blocks
from models.index.exact import ExactIndex, best_rows, in_chunks

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
        # As [blocks, d, size]: a product with a query reads it in order.
        vectors = vectors.transpose(0, 2, 1)
        self.rows = tf.Variable(rows, trainable=False, name="rows")
        self.means = tf.Variable(blocks.means, trainable=False, name="means")
        self.vectors = tf.Variable(vectors, trainable=False, name="vectors")
        self._searched = blocks.searched
        self._dimension = vectors.shape[1]

    def search(
        self, query: tf.Tensor, k: int | tf.Tensor, allowed: Allowed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds about the k best eligible rows that are allowed.

        How hard a query is searched for depends on it alone, so that it is
        answered alike in any batch.

        Args:
          query: float32 [B, d].
          k: How many, at least 1; may be more than there are rows.
          allowed: Of the same requests.

        Returns:
          rows int32 [B, k] and scores float32 [B, k], best first.
        """
        size = self.rows.shape[1]
        k = tf.convert_to_tensor(k, tf.int32)
        useful, wanted = self._effort(k, allowed)
        scored = tf.cast(wanted * size, tf.float32)
        exactly = scored > _EXACT_SHARE * self.num_rows
        # Those get one block, which is thrown away.
        wanted = tf.where(exactly, 1, wanted)
        most = tf.reduce_max(wanted)
        rows, scores = in_chunks(
            lambda chunk: self._search_chunk(chunk, k),
            (query, useful, wanted, *allowed),
            tf.maximum(1, _MOST_FLOATS // (most * size * self._dimension)),
        )
        # Counting what there is costs as much as all of this.
        exactly |= tf.cond(
            tf.reduce_any(rows < 0),
            lambda: ~self._is_full(rows, allowed),
            lambda: tf.zeros_like(exactly),
        )

        def with_exact():
            chosen = tf.where(exactly)
            queries = chosen[:, 0]
            found = self._items.search(
                tf.gather(query, queries), k, allowed.take(queries)
            )
            return tuple(
                tf.tensor_scatter_nd_update(values, chosen, better)
                for values, better in zip((rows, scores), found, strict=True)
            )

        return tf.cond(
            tf.reduce_any(exactly), with_exact, lambda: (rows, scores)
        )

    def _effort(self, k, allowed):
        """Says where to look, and how long.

        Returns:
          Blocks that may be looked into, bool [B, blocks], and how many of
          them, int32 [B].
        """
        number, size = self.rows.shape
        left_out = allowed.count_left_out(self.num_rows)
        few = left_out <= _FEW
        everywhere = tf.fill([tf.size(left_out), number], True)
        useful, effort = tf.cond(
            tf.reduce_all(few),
            lambda: (everywhere, tf.ones_like(left_out, tf.float32)),
            lambda: self._where_left(allowed.mask(self.num_rows)),
        )
        useful |= few[:, tf.newaxis]
        effort = tf.where(few, 1.0, effort)
        wanted = tf.cast(tf.math.ceil(self._searched * effort), tf.int32)
        # Blocks are not full, and some of their rows are left out.
        least = -(-(2 * k + tf.minimum(left_out, _FEW)) // size)
        return useful, tf.minimum(tf.maximum(wanted, least), number)

    def _where_left(self, mask):
        """Returns the blocks with rows that are left, and how much thinner."""
        there = self.rows >= 0
        left = tf.gather(mask, tf.maximum(self.rows, 0), axis=1) & there
        useful = tf.reduce_any(left, axis=2)
        in_useful = tf.math.count_nonzero(
            there & useful[:, :, tf.newaxis], axis=[1, 2], dtype=tf.float32
        )
        kept = tf.math.count_nonzero(left, axis=[1, 2], dtype=tf.float32)
        effort = tf.math.divide_no_nan(in_useful, kept)
        return useful, tf.maximum(effort, 1.0)

    def _search_chunk(self, chunk, k):
        query, useful, wanted, *allowed = chunk
        most = tf.reduce_max(wanted)
        fit = tf.matmul(query, self.means, transpose_b=True)
        _, blocks = tf.math.top_k(tf.where(useful, fit, LOWEST), most)
        batch = tf.shape(query)[0]
        in_turn = tf.range(most) < wanted[:, tf.newaxis]
        rows = tf.where(
            in_turn[:, :, tf.newaxis], tf.gather(self.rows, blocks), -1
        )
        rows = tf.reshape(rows, [batch, -1])
        vectors = tf.cast(tf.gather(self.vectors, blocks), tf.float32)
        scores = tf.matmul(query[:, tf.newaxis, tf.newaxis], vectors)
        scores = tf.reshape(scores, [batch, -1])
        good = (rows >= 0) & Allowed(*allowed).of(tf.maximum(rows, 0))
        return best_rows(tf.where(good, scores, LOWEST), rows, k)

    def _is_full(self, rows, allowed):
        """Says where no slot is empty that could be filled, bool [B]."""
        found = tf.math.count_nonzero(rows >= 0, axis=1, dtype=tf.int32)
        there = tf.math.count_nonzero(
            allowed.mask(self.num_rows) & self._items.eligible,
            axis=1,
            dtype=tf.int32,
        )
        return found >= tf.minimum(there, tf.shape(rows)[1])
