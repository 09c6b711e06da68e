"""ScaNN inside a SavedModel, for servers that have ScaNN's ops.

Importing this module loads the ops; whoever loads such a SavedModel must
`import scann` first. TensorFlow Serving's own images do not have them.
"""

import math

import numpy as np
import tensorflow as tf
from scann.scann_ops.py import scann_ops

from models.index.allowed import LOWEST, Allowed
from models.index.exact import ExactIndex, best_rows
from models.index.scann import SearchPlan, configure
from models.index.settings import IndexSettings

# Rows left out up to which ScaNN is asked for so many more.
_MOST_EXCLUDED = 1_000


class ScannGraphIndex(tf.Module):
    """ScaNN over the eligible rows, trained like the one that was measured."""

    def __init__(
        self,
        items: ExactIndex,
        plan: SearchPlan,
        settings: IndexSettings,
    ):
        """Trains the searcher and keeps its parts in variables.

        Rows that are not eligible are left out of the index, not filtered
        afterwards, so that a sold-out half costs no recall.

        Args:
          items: All rows, at least one of them eligible; searched where a
            request leaves few of them.
          plan: Effort that reached the recall asked for over all rows; the
            same share of leaves is searched here.
          settings: How it was trained.
        """
        super().__init__(name="scann_index")
        vectors = items.vectors.numpy()
        rows = np.flatnonzero(items.eligible.numpy()).astype(np.int32)
        self._items = items
        self.rows = tf.Variable(rows, trainable=False, name="rows")
        builder, leaves = configure(
            scann_ops.builder(
                np.ascontiguousarray(vectors[rows], np.float32),
                min(settings.k, len(rows)),
                "dot_product",
            ),
            len(rows),
            vectors.shape[1],
            settings,
        )
        self.state = builder.build().serialize_to_module()
        share = plan.leaves_searched / plan.leaves
        self._leaves_searched = max(1, math.ceil(share * leaves))
        self._reordering = plan.reordering

    def search(
        self, query: tf.Tensor, k: int | tf.Tensor, allowed: Allowed
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds about the k best eligible rows that are allowed.

        Looks for as many more as there are rows that are not, and falls back
        to all rows where these are many.

        Args:
          query: float32 [B, d].
          k: How many, at least 1.
          allowed: Of the same requests.

        Returns:
          rows int32 [B, k] and scores float32 [B, k], best first.
        """
        most = tf.reduce_max(allowed.count_left_out(self._items.num_rows))
        return tf.cond(
            most <= _MOST_EXCLUDED,
            lambda: self._search_leaves(query, k, allowed, most),
            lambda: self._items.search(query, k, allowed),
        )

    def _search_leaves(self, query, k, allowed, most):
        wanted = tf.minimum(k + most, tf.size(self.rows))
        searcher = scann_ops.searcher_from_module(self.state)
        found, scores = searcher.search_batched(
            query,
            final_num_neighbors=wanted,
            pre_reorder_num_neighbors=tf.maximum(wanted, self._reordering),
            leaves_to_search=self._leaves_searched,
        )
        found = tf.ensure_shape(found, [None, None])
        scores = tf.ensure_shape(scores, [None, None])
        # ScaNN fills what it did not find with row 0 and NaN.
        rows = tf.gather(self.rows, tf.cast(found, tf.int32))
        good = allowed.of(rows) & ~tf.math.is_nan(scores)
        return best_rows(tf.where(good, scores, LOWEST), rows, k)
