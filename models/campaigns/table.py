"""Campaigns in variables: what is shown of them, when, and what they cover."""

import dataclasses

import numpy as np
import tensorflow as tf

from models.index.allowed import LOWEST
from schema.contract import CAMPAIGN_KINDS

# A campaign whose kind is none of the contract's is of the last one.
_OTHER = len(CAMPAIGN_KINDS) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class CampaignColumns:
    """Columns of the campaign table, C rows.

    Attributes:
      campaign_ids: Unique ids.
      titles: What shoppers read.
      kinds: As in the table, "" unknown.
      starts_at: int64 [C], Unix seconds; 0 for one that has always been.
      ends_at: int64 [C], the first second after it; 0 for one without end.
      discount: float32 [C], share off, 0 unknown.
      members: bool [N, C], which items of the model are in the scope.
    """

    campaign_ids: list[str]
    titles: list[str]
    kinds: list[str]
    starts_at: np.ndarray
    ends_at: np.ndarray
    discount: np.ndarray
    members: np.ndarray

    def __len__(self):
        return len(self.campaign_ids)

    def take(self, rows: np.ndarray) -> "CampaignColumns":
        """Returns some campaigns, int [rows]."""
        return CampaignColumns(
            campaign_ids=[self.campaign_ids[row] for row in rows],
            titles=[self.titles[row] for row in rows],
            kinds=[self.kinds[row] for row in rows],
            starts_at=self.starts_at[rows],
            ends_at=self.ends_at[rows],
            discount=self.discount[rows],
            members=self.members[:, rows],
        )


def kind_numbers(kinds: list[str]) -> np.ndarray:
    """Returns int32 [C], rows of `CAMPAIGN_KINDS`.

    >>> kind_numbers(["coupon", "festival", ""]).tolist()
    [0, 2, 3]
    """
    return np.array(
        [
            CAMPAIGN_KINDS.index(kind) if kind in CAMPAIGN_KINDS else _OTHER
            for kind in kinds
        ],
        np.int32,
    )


class CampaignTable(tf.Module):
    """Row of a campaign → what is shown of it, and whether it may be.

    Attributes:
      kind: Variable int32 [C], rows of `CAMPAIGN_KINDS`.
      starts_at, ends_at: Variables int64 [C].
      discount: Variable float32 [C].
      members: Variable bool [N, C].
      in_stock: Variable bool [N].
    """

    def __init__(
        self,
        columns: CampaignColumns,
        in_stock: np.ndarray,
        known: CampaignColumns | None = None,
    ):
        """Copies the columns into variables.

        Args:
          columns: Campaigns that can be recommended, at least one.
          in_stock: bool [N], items that can be had.
          known: All campaigns that a person may have taken part in, past ones
            too; those of `columns` by default.
        """
        super().__init__(name="campaign_table")
        known = known or columns

        def fixed(values, name, dtype=None):
            return tf.Variable(values, trainable=False, name=name, dtype=dtype)

        self.ids = fixed(columns.campaign_ids, "ids", tf.string)
        self.titles = fixed(columns.titles, "titles", tf.string)
        self.kinds = fixed(columns.kinds, "kinds", tf.string)
        self.kind = fixed(kind_numbers(columns.kinds), "kind")
        self.starts_at = fixed(columns.starts_at, "starts_at", tf.int64)
        self.ends_at = fixed(columns.ends_at, "ends_at", tf.int64)
        self.discount = fixed(columns.discount, "discount", tf.float32)
        self.members = fixed(columns.members, "members", tf.bool)
        self.in_stock = fixed(in_stock, "in_stock", tf.bool)
        self.has_items = fixed(
            columns.members[in_stock].any(0), "has_items", tf.bool
        )
        self._rows = _lookup(
            columns.campaign_ids, np.arange(len(columns), dtype=np.int32)
        )
        self._kinds = _lookup(known.campaign_ids, kind_numbers(known.kinds))

    def rows_of(self, campaign_ids: tf.Tensor) -> tf.Tensor:
        """Returns int32 rows of ids of any shape, -1 for unknown ones."""
        return self._rows.lookup(campaign_ids)

    def kinds_of(self, campaign_ids: tf.Tensor) -> tf.Tensor:
        """Returns int32 kinds of ids of any shape, -1 for unknown ones."""
        return self._kinds.lookup(campaign_ids)

    def allowed(self, now: tf.Tensor, exclude: tf.Tensor) -> tf.Tensor:
        """Says which campaigns may be shown.

        Args:
          now: int64 [B], Unix seconds.
          exclude: int32 [B, E], rows that may not, -1 for none.

        Returns:
          bool [B, C]: begun, not over, with an item in stock, not excluded.
        """
        now = now[:, tf.newaxis]
        running = (self.starts_at <= now) & (
            (self.ends_at == 0) | (now < self.ends_at)
        )
        rows = tf.range(tf.shape(self.kind)[0])
        excluded = tf.reduce_any(exclude[:, :, tf.newaxis] == rows, axis=1)
        return running & self.has_items & ~excluded

    def describe(
        self, rows: tf.Tensor, scores: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Looks rows up; slots with row -1 are empty.

        Args:
          rows: int32 [B, k], -1 where there is no campaign.
          scores: float32 [B, k].

        Returns:
          `campaign_ids`, `titles`, `kinds` string, `starts_at`, `ends_at`
          int64 and `scores` float32, [B, k] each.
        """
        known, safe = rows >= 0, tf.maximum(rows, 0)
        answer = {
            name: tf.where(known, tf.gather(column, safe), "")
            for name, column in (
                ("campaign_ids", self.ids),
                ("titles", self.titles),
                ("kinds", self.kinds),
            )
        }
        for name in ("starts_at", "ends_at"):
            column = tf.gather(getattr(self, name), safe)
            answer[name] = tf.where(known, column, tf.zeros_like(column))
        answer["scores"] = tf.where(known, scores, LOWEST)
        return answer


def _lookup(names, values):
    # A table of nothing cannot be made; nobody sends this one.
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant([*names, "\0"]),
            tf.constant([*values, -1], tf.int32),
        ),
        default_value=-1,
    )
