"""What is shown of an item, in variables beside the index."""

import dataclasses
from collections.abc import Collection

import numpy as np
import tensorflow as tf

from models.index.allowed import LOWEST


@dataclasses.dataclass(frozen=True, kw_only=True)
class CatalogueColumns:
    """Columns of the catalogue in the order of the model's rows.

    Attributes:
      item_ids: N ids, as bytes.
      titles: N titles, UTF-8.
      texts: N texts that items are found by, UTF-8; not shown.
      categories: N category paths, UTF-8.
      brands: N brands, UTF-8.
      shops: N ids of shops, UTF-8.
      prices: float32 [N], -1 unknown.
      in_stock: bool [N].
      inferred: bool [N], whether the category was told from words, not by the
        shop; None for no item.
      removed: Ids of items that are shown no more, not even if asked for; out
        of stock too.
    """

    item_ids: list[bytes]
    titles: list[bytes]
    texts: list[bytes]
    categories: list[bytes]
    brands: list[bytes]
    shops: list[bytes]
    prices: np.ndarray
    in_stock: np.ndarray
    inferred: np.ndarray | None = None
    removed: frozenset[bytes] = frozenset()

    def without(self, removed: Collection[bytes]) -> "CatalogueColumns":
        """Takes items out; their rows stay."""
        gone = np.array([i in removed for i in self.item_ids], bool)
        return dataclasses.replace(
            self,
            in_stock=self.in_stock & ~gone,
            removed=self.removed.union(removed),
        )


class ItemTable(tf.Module):
    """Row of the model → what a shop shows of it."""

    def __init__(self, columns: CatalogueColumns):
        """Copies the columns into variables."""
        super().__init__(name="item_table")
        self.item_ids = tf.Variable(
            columns.item_ids, trainable=False, name="item_ids"
        )
        self.titles = tf.Variable(
            columns.titles, trainable=False, name="titles"
        )
        self.categories = tf.Variable(
            columns.categories, trainable=False, name="categories"
        )
        inferred = columns.inferred
        if inferred is None:
            inferred = np.zeros(len(columns.item_ids), bool)
        self.inferred = tf.Variable(
            inferred, trainable=False, name="categories_inferred"
        )
        self.prices = tf.Variable(
            columns.prices.astype(np.float32), trainable=False, name="prices"
        )
        removed = [i in columns.removed for i in columns.item_ids]
        self.removed = tf.Variable(removed, trainable=False, name="removed")

    def offered(self, rows: tf.Tensor) -> tf.Tensor:
        """Makes the rows of removed items -1, as those of unknown ones are."""
        gone = tf.gather(self.removed, tf.maximum(rows, 0))
        return tf.where(gone, -1, rows)

    def describe(
        self, rows: tf.Tensor, scores: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Looks rows up; slots with row -1 are empty.

        Args:
          rows: int32 [B, k], -1 where there is no item.
          scores: float32 [B, k].

        Returns:
          `item_ids`, `titles`, `categories` string [B, k],
          `categories_inferred` bool [B, k], `prices` and `scores` float32
          [B, k].
        """
        known = rows >= 0
        safe = tf.maximum(rows, 0)
        answer = {
            name: tf.where(known, tf.gather(column, safe), "")
            for name, column in (
                ("item_ids", self.item_ids),
                ("titles", self.titles),
                ("categories", self.categories),
            )
        }
        answer["categories_inferred"] = known & tf.gather(self.inferred, safe)
        answer["prices"] = tf.where(known, tf.gather(self.prices, safe), -1.0)
        answer["scores"] = tf.where(known, scores, LOWEST)
        return answer
