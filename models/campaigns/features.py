"""What a person has to do with each campaign, as numbers.

The same graph makes them in training and in the servable.
"""

import math
import typing

import numpy as np
import tensorflow as tf

from models.campaigns.table import CampaignTable
from models.local_time import local_hour, local_weekday
from schema.contract import CAMPAIGN_KINDS

HEADS = ("join", "choose")
JOINED = "campaign_join"
# Steps after which one of the history counts half.
_HALF_LIVES = (2.0, 16.0)
_SMALLEST = 1e-6
_MOST_LIFT = 6.0
_HOUR = 3600.0
_MOST_HOURS = 24.0 * 365
# Monday is 0.
_SATURDAY = 5

# Those of the query tower first: what the model expects of the next choice.
OF_TOWERS = ("chance_in_scope", "lift_of_scope", "fit_of_vectors")
NAMES = (
    *OF_TOWERS,
    "recent_in_scope",
    "history_in_scope",
    "fit_of_texts",
    "known_steps",
    "discount",
    "hours_left",
    "hours_running",
    "share_of_items",
    "joined_of_kind",
    "seen_of_kind",
    "joined_before",
    "seen_before",
    *(f"popularity_{head}" for head in HEADS),
    *(f"is_{kind}" for kind in CAMPAIGN_KINDS),
    "hour_sin",
    "hour_cos",
    "weekend",
)


class Person(typing.NamedTuple):
    """Persons at a moment.

    Attributes:
      query: float32 [B, d], query vectors.
      history_rows: int32 [B, L], items of the history, oldest first, -1 for
        none.
      campaign_ids: string [B, J], what the person did with campaigns before,
        "" for none.
      campaign_types: string [B, J], `campaign_view` or `campaign_join`.
      now: int64 [B], Unix seconds.
    """

    query: tf.Tensor
    history_rows: tf.Tensor
    campaign_ids: tf.Tensor
    campaign_types: tf.Tensor
    now: tf.Tensor


class CampaignFeatures(tf.Module):
    """Makes a row of features of each person and campaign."""

    def __init__(
        self,
        table: CampaignTable,
        vectors: np.ndarray,
        text_match: np.ndarray,
    ):
        """Takes what is known of items.

        Args:
          table: The campaigns.
          vectors: float32 [N, d], items as retrieval scores them: the dot
            product with a query vector is the logit of the next choice.
          text_match: float32 [N, C], cosine of an item's text and a
            campaign's less the campaign's mean; 0 where there is none.
        """
        super().__init__(name="campaign_features")
        self.table = table
        self.vectors = tf.Variable(vectors, trainable=False, name="vectors")
        self.text_match = tf.Variable(
            text_match.astype(np.float16), trainable=False, name="text_match"
        )
        members = table.members.numpy()
        inside = members.astype(np.float32)
        size = np.maximum(inside.sum(0), 1.0)
        # Against the middle of all items, so that a campaign of everything
        # fits nobody better than another.
        centres = (inside.T @ vectors) / size[:, np.newaxis] - vectors.mean(0)
        self.centres = tf.Variable(centres, trainable=False, name="centres")
        offered = table.in_stock.numpy()
        share = members[offered].sum(0) / max(int(offered.sum()), 1)
        self.share = tf.Variable(
            share.astype(np.float32), trainable=False, name="share"
        )

    def __call__(self, person: Person, popularity: tf.Tensor) -> tf.Tensor:
        """Makes the features.

        Args:
          person: Who is asked about, and when.
          popularity: float32 [B or 1, C, heads], logits of the share of
            viewers who took part until then.

        Returns:
          float32 [B, C, len(NAMES)].
        """
        now = person.now
        batch, count = tf.shape(now)[0], tf.shape(self.share)[0]
        columns = [
            *self._of_towers(person.query),
            *self._of_history(person.history_rows),
            *self._of_campaigns(now),
            *self._of_past(person.campaign_ids, person.campaign_types),
            *tf.unstack(popularity, len(HEADS), axis=2),
            *tf.unstack(
                tf.one_hot(self.table.kind, len(CAMPAIGN_KINDS)), axis=1
            ),
            *_of_clock(now),
        ]
        return tf.stack(
            [tf.broadcast_to(one, [batch, count]) for one in columns], axis=2
        )

    def _of_towers(self, query):
        logits = tf.matmul(query, self.vectors, transpose_b=True)
        logits = tf.where(self.table.in_stock, logits, logits.dtype.min)
        members = tf.cast(self.table.members, tf.float32)
        chance = tf.matmul(tf.nn.softmax(logits), members)
        chance = tf.clip_by_value(chance, 0.0, 1.0)
        lift = tf.math.log(chance + _SMALLEST) - tf.math.log(
            self.share + _SMALLEST
        )
        fit = tf.matmul(
            tf.math.l2_normalize(query, axis=1),
            tf.math.l2_normalize(self.centres, axis=1),
            transpose_b=True,
        )
        return chance, tf.clip_by_value(lift, -_MOST_LIFT, _MOST_LIFT), fit

    def _of_history(self, rows):
        known = tf.cast(rows >= 0, tf.float32)
        safe = tf.maximum(rows, 0)
        members = tf.cast(tf.gather(self.table.members, safe), tf.float32)
        matches = tf.cast(tf.gather(self.text_match, safe), tf.float32)
        # Of the latest step 0, of the one before it 1.
        age = tf.cumsum(known, axis=1, exclusive=True, reverse=True)

        def mean(values, half_life):
            weight = known * tf.pow(0.5, age / half_life)
            total = tf.reduce_sum(weight[..., tf.newaxis] * values, axis=1)
            return tf.math.divide_no_nan(
                total, tf.reduce_sum(weight, axis=1, keepdims=True)
            )

        steps = tf.math.log1p(tf.reduce_sum(known, axis=1, keepdims=True))
        shares = [mean(members, half_life) for half_life in _HALF_LIVES]
        return *shares, mean(matches, _HALF_LIVES[-1]), steps

    def _of_campaigns(self, now):
        table, now = self.table, now[:, tf.newaxis]
        left = _log_hours(table.ends_at - now, table.ends_at)
        running = _log_hours(now - table.starts_at, table.starts_at)
        return table.discount[tf.newaxis], left, running, self.share[tf.newaxis]

    def _of_past(self, ids, types):
        joined = tf.cast(types == JOINED, tf.float32)
        seen = tf.cast(ids != "", tf.float32) * (1.0 - joined)
        kinds = tf.one_hot(self.table.kinds_of(ids), len(CAMPAIGN_KINDS))
        same = tf.one_hot(self.table.rows_of(ids), tf.shape(self.share)[0])
        found = []
        for which in (kinds, same):
            for weight in (joined, seen):
                count = tf.reduce_sum(weight[..., tf.newaxis] * which, axis=1)
                if which is kinds:
                    count = tf.gather(count, self.table.kind, axis=1)
                found.append(tf.math.log1p(count))
        return found


def _log_hours(seconds, moment):
    """Returns log(1 + hours); of a moment nobody knows, of a year."""
    hours = tf.cast(seconds, tf.float32) / _HOUR
    hours = tf.where(moment > 0, hours, _MOST_HOURS)
    return tf.math.log1p(tf.clip_by_value(hours, 0.0, _MOST_HOURS))


def _of_clock(now):
    angle = tf.cast(local_hour(now), tf.float32) * (2 * math.pi / 24)
    weekend = tf.cast(local_weekday(now) >= _SATURDAY, tf.float32)
    return [
        one[:, tf.newaxis] for one in (tf.sin(angle), tf.cos(angle), weekend)
    ]
