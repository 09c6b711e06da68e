"""Which items belong to which campaign."""

import numpy as np
import tensorflow as tf

from models.serving_graph.item_table import CatalogueColumns
from schema.contract import CATEGORY_SEPARATOR


class Campaigns(tf.Module):
    """Looks the items of campaigns up."""

    def __init__(
        self, columns: CatalogueColumns, scopes: dict[bytes, list[bytes]]
    ):
        """Finds the items of each campaign.

        Args:
          columns: Of the catalogue.
          scopes: Of each campaign by its id, item ids and category paths,
            which stand for all that is below them too. What is neither of
            the catalogue is left out.
        """
        super().__init__(name="campaigns")
        members = _members(columns)
        nothing = np.zeros(0, np.int32)
        rows = [
            np.unique(
                np.concatenate(
                    [nothing, *(members.get(part, nothing) for part in scope)]
                )
            )
            for scope in scopes.values()
        ]
        # The last one is empty, for campaigns that nobody knows.
        rows.append(nothing)
        values = np.concatenate(rows).astype(np.int32)
        splits = np.cumsum([0, *map(len, rows)])
        self.rows = tf.Variable(
            values, trainable=False, name="rows", shape=[None]
        )
        self.splits = tf.Variable(
            splits, trainable=False, dtype=tf.int64, name="splits"
        )
        # A table of nothing cannot be made.
        ids = [*scopes, b""]
        self.numbers = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(ids), tf.range(len(ids))
            ),
            default_value=len(scopes),
        )

    def rows_of(self, campaign_ids: tf.Tensor) -> tf.Tensor:
        """Returns the items of campaigns.

        Args:
          campaign_ids: string [B, A], "" for none.

        Returns:
          int32 [B, any], rows of the catalogue, -1 for none.
        """
        number = self.numbers.lookup(tf.reshape(campaign_ids, [-1]))
        every = tf.RaggedTensor.from_row_splits(
            self.rows, self.splits, validate=False
        )
        rows = tf.gather(every, number).to_tensor(-1)
        batch = tf.shape(campaign_ids)[0]
        width = tf.shape(campaign_ids)[1] * tf.shape(rows)[1]
        return tf.reshape(rows, [batch, width])


def _members(columns: CatalogueColumns) -> dict[bytes, np.ndarray]:
    """Returns the rows of each category, and of each item alone."""
    separator = CATEGORY_SEPARATOR.encode()
    rows: dict[bytes, list[int]] = {}
    for row, path in enumerate(columns.categories):
        parts = path.split(separator) if path else []
        for level in range(len(parts)):
            rows.setdefault(separator.join(parts[: level + 1]), []).append(row)
    for row, item_id in enumerate(columns.item_ids):
        rows[item_id] = [row]
    return {name: np.array(found, np.int32) for name, found in rows.items()}
