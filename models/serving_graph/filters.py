"""What a request lets through: items, categories, brands, campaigns, prices.

Strings are compared by their 64-bit fingerprints, so that neither a vocabulary
nor the strings themselves are needed for it.
"""

import numpy as np
import tensorflow as tf

from models.index.allowed import listed
from models.serving_graph.campaigns import Campaigns
from models.serving_graph.item_table import CatalogueColumns
from schema.contract import CATEGORY_SEPARATOR

ITEMS = "only_item_ids"
CATEGORIES = "only_categories"
BRANDS = "only_brands"
SHOPS = "only_shops"
CAMPAIGNS = "only_campaigns"
LISTS = (ITEMS, CATEGORIES, BRANDS, SHOPS, CAMPAIGNS)
MIN_PRICE, MAX_PRICE = "min_price", "max_price"
PRICES = (MIN_PRICE, MAX_PRICE)
# What stands for no limit.
NO_MIN, NO_MAX = 0.0, float(np.finfo(np.float32).max)

# Fingerprints are below; 0 stands for none.
_BUCKETS = 2**62


class Filters(tf.Module):
    """Marks the items that fit all of what a request asks for."""

    def __init__(self, columns: CatalogueColumns, campaigns: Campaigns):
        """Copies what is compared into variables."""
        super().__init__(name="filters")
        self.campaigns = campaigns
        self.num_rows = len(columns.item_ids)

        def column(values, name):
            return tf.Variable(values, trainable=False, name=name)

        paths = _prefixes(columns.categories)
        self.categories = column(paths, "categories")
        self.brands = column(_fingerprints(columns.brands), "brands")
        self.shops = column(_fingerprints(columns.shops), "shops")
        self.prices = column(columns.prices.astype(np.float32), "prices")

    def mask(
        self, inputs: dict[str, tf.Tensor], only_rows: tf.Tensor
    ) -> tf.Tensor:
        """Says which items fit.

        A list that is empty, or holds empty strings only, lets everything
        through; a value that no item has, nothing. An item whose price is
        unknown fits only where no price is asked for.

        Args:
          inputs: `LISTS` string [B, any] and `PRICES` float32 [B].
          only_rows: int32 [B, A], rows of `only_item_ids`, -1 where unknown.

        Returns:
          bool [B, N], or [B, 0] where nothing is asked for.
        """
        batch = tf.shape(inputs[MIN_PRICE])[0]
        asked = [tf.reduce_any(inputs[name] != "") for name in LISTS]
        asked += [
            tf.reduce_any(inputs[MIN_PRICE] > NO_MIN),
            tf.reduce_any(inputs[MAX_PRICE] < NO_MAX),
        ]
        mask = tf.cond(
            tf.reduce_any(tf.stack(asked)),
            lambda: self._mask(inputs, only_rows, batch),
            lambda: tf.ones([batch, 0], tf.bool),
        )
        return tf.ensure_shape(mask, [None, None])

    def kinds(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what items may be capped by.

        Args:
          rows: int32 [...], at least 0.

        Returns:
          Fingerprints int64 [...] of `category` (the whole path), `brand` and
          `shop`; 0 where unknown.
        """
        paths = tf.unstack(tf.gather(self.categories, rows), axis=-1)
        category = paths[0]
        for path in paths[1:]:
            category = tf.where(path != 0, path, category)
        return {
            "category": category,
            "brand": tf.gather(self.brands, rows),
            "shop": tf.gather(self.shops, rows),
        }

    def _mask(self, inputs, only_rows, batch):
        mask = tf.ones([batch, self.num_rows], tf.bool)
        for name in LISTS:
            asked = inputs[name] != ""
            mask = tf.cond(
                tf.reduce_any(asked),
                lambda mask=mask, name=name, asked=asked: (
                    mask
                    & (
                        self._fits(name, inputs[name], only_rows)
                        | ~tf.reduce_any(asked, 1, keepdims=True)
                    )
                ),
                lambda mask=mask: mask,
            )
        low, high = (inputs[name][:, tf.newaxis] for name in PRICES)
        asked = (low > NO_MIN) | (high < NO_MAX)
        within = (self.prices >= tf.maximum(low, 0.0)) & (self.prices <= high)
        return tf.cond(
            tf.reduce_any(asked), lambda: mask & (within | ~asked), lambda: mask
        )

    def _fits(self, name, wanted, only_rows):
        if name == ITEMS:
            return listed(only_rows, self.num_rows)
        if name == CAMPAIGNS:
            return listed(self.campaigns.rows_of(wanted), self.num_rows)
        wanted = _fingerprint(wanted)[:, :, tf.newaxis]
        if name == CATEGORIES:
            columns = tf.unstack(self.categories, axis=1)
        else:
            columns = [self.brands if name == BRANDS else self.shops]
        fits = [tf.reduce_any(wanted == column, axis=1) for column in columns]
        return tf.reduce_any(tf.stack(fits), axis=0)


def _fingerprint(text: tf.Tensor) -> tf.Tensor:
    """Returns int64 numbers of strings, those of "" -1, which none has."""
    number = 1 + tf.strings.to_hash_bucket_fast(text, _BUCKETS)
    return tf.where(text == "", tf.constant(-1, tf.int64), number)


def _fingerprints(texts: list[bytes]) -> np.ndarray:
    """Returns int64 [N]; 0 for an empty text."""
    found = _fingerprint(tf.constant(texts, tf.string)).numpy()
    return np.maximum(found, 0)


def _prefixes(paths: list[bytes]) -> np.ndarray:
    """Returns int64 [N, depth], fingerprints of a path and what is above."""
    separator = CATEGORY_SEPARATOR.encode()
    split = [path.split(separator) if path else [] for path in paths]
    depth = max((len(parts) for parts in split), default=0)
    columns = []
    for level in range(max(depth, 1)):
        above = (
            separator.join(parts[: level + 1]) if level < len(parts) else b""
            for parts in split
        )
        columns.append(_fingerprints(list(above)))
    return np.stack(columns, 1)
