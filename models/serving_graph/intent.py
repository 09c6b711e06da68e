"""Which categories a user is after now."""

import numpy as np
import tensorflow as tf

from models.serving_graph.item_table import CatalogueColumns

NUM_CATEGORIES = 10


class LikelyCategories(tf.Module):
    """Sums the chances of retrieved items by their categories."""

    def __init__(self, columns: CatalogueColumns):
        """Numbers the categories of a catalogue."""
        super().__init__(name="likely_categories")
        names, number = np.unique(
            np.array(columns.categories, object), return_inverse=True
        )
        self.names = tf.Variable(
            names.tolist(), trainable=False, dtype=tf.string, name="names"
        )
        self.numbers = tf.Variable(
            number.astype(np.int32), trainable=False, name="numbers"
        )
        self._count = len(names)

    def best(
        self, rows: tf.Tensor, scores: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the categories that the next choice is most likely of.

        Args:
          rows: int32 [B, C], retrieved items, -1 for none.
          scores: float32 [B, C], their retrieval scores, logits of the choice.

        Returns:
          Paths string [B, 10] and chances float32 [B, 10] among the retrieved
          items, best first; "" and 0 where there are no more. Items without a
          category count in the sum but have no place.
        """
        there = rows >= 0
        chances = tf.nn.softmax(tf.where(there, scores, -np.inf), axis=1)
        chances = tf.where(there, chances, 0.0)
        number = tf.gather(self.numbers, tf.maximum(rows, 0))
        batch = tf.shape(rows)[0]
        place = number + self._count * tf.range(batch)[:, tf.newaxis]
        total = tf.math.unsorted_segment_sum(
            tf.reshape(chances, [-1]),
            tf.reshape(place, [-1]),
            batch * self._count,
        )
        total = tf.reshape(total, [batch, self._count])
        total = tf.where(self.names == "", 0.0, total)
        found = min(NUM_CATEGORIES, self._count)
        chances, number = tf.math.top_k(total, found)
        names = tf.where(chances > 0, tf.gather(self.names, number), "")
        empty = [[0, 0], [0, NUM_CATEGORIES - found]]
        return tf.pad(names, empty, constant_values=""), tf.pad(chances, empty)
