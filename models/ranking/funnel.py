"""Ranking heads along the funnel: click, then what follows a click."""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import replicas
from models.layers.mixture import MixtureOfExperts
from models.ranking import matches
from models.towers import TIME_GAP_BUCKETS, time_gap_bucket

# Slots of a list that have a bias of their own; later ones share the last.
POSITIONS = 64
# Share of impressions whose slot is hidden in training, so that the bias of
# an unknown slot, which serving uses, is an average one.
_POSITION_DROPOUT = 0.1
# A head begins at no less, however rare its label.
_RAREST = 1e-4
# Width of what the heads know of a feature's value, and the share of it that
# is dropped: most of what is to be known of a value is in the wide part.
_WIDTH = 4
_DROPOUT = 0.4
# Retrieval scores are cosines over a temperature, far above all else.
_SCORE_SCALE = 0.1


class FunnelRanking(tf.keras.Model):
    """Heads along the funnel on shared experts (ESMM in MMoE), wide and deep.

    The first head is p(click | shown). Each other head learns
    p(head | click), and what it gives is the product (Ma et al. 2018, ESMM),
    so it is trained and calibrated on all impressions, clicked or not. The
    slot adds a bias to the logits in training and none of its own at serving.

    Of the towers the heads read the retrieval score alone, and in training
    only where the towers have not learned from the impression itself: what
    is fitted to a click says more of it than it will of the next one, and
    heads that learn from that trust it too much. Whatever else they know of
    an item is what the catalogue says; and of one that nobody has chosen not
    its brand, shop and so on either, but how it matches: all examples with
    that brand may be of a time when it was not yet on sale.

    Args:
      head_names: The heads, from the top of the funnel.
      item_sizes: Number of indices of each categorical item feature.
      lists: Those of them that are sets of words; they are only compared.
      context_sizes: Number of indices of each feature of the request.
      num_experts: Experts that the heads share.
      width: Units of each.
      dropout: Share dropped in the experts.
    """

    def __init__(
        self,
        *,
        head_names: tuple[str, ...],
        item_sizes: dict[str, int],
        lists: tuple[str, ...],
        context_sizes: dict[str, int],
        num_experts: int,
        width: int,
        dropout: float,
        **kw,
    ):
        # Keeps numbers as they are until they are joined.
        super().__init__(autocast=False, **kw)
        layers = tf.keras.layers
        self.head_names = head_names
        self.matched, self.lists = tuple(item_sizes), lists
        sizes = {
            **{n: s for n, s in item_sizes.items() if n not in lists},
            "age": TIME_GAP_BUCKETS,
            **context_sizes,
        }
        self.deep = {
            name: layers.Embedding(size, _WIDTH, name=f"deep_{name}")
            for name, size in sizes.items()
        }
        self.wide = {
            name: layers.Embedding(
                size, len(head_names), "zeros", name=f"wide_{name}"
            )
            for name, size in sizes.items()
        }
        self.wide_numbers = layers.Dense(
            len(head_names), use_bias=False, kernel_initializer="zeros"
        )
        self.dropout = layers.Dropout(_DROPOUT)
        self.experts = MixtureOfExperts(
            len(head_names), num_experts, width, dropout
        )
        self.heads = [
            layers.Dense(1, use_bias=False, name=n) for n in head_names
        ]
        self.head_bias = self.add_weight(
            name="head_bias", shape=[len(head_names)], initializer="zeros"
        )
        self.slots = layers.Embedding(
            POSITIONS + 1, len(head_names), "zeros", name="slots"
        )
        self.task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.BinaryCrossentropy(
                reduction=tf.keras.losses.Reduction.SUM
            )
        )

    def start_at(self, rates: np.ndarray) -> None:
        """Lets the heads begin at what the labels are on average.

        From one half a rare label's bias would be most of what is learned,
        and in a short training too little of it.

        Args:
          rates: float [heads], mean label of each.
        """
        reached = max(rates[0], _RAREST)
        gated = np.concatenate([rates[:1], rates[1:] / reached])
        chance = np.clip(gated, _RAREST, 1 - _RAREST)
        self.head_bias.assign(np.log(chance / (1 - chance)))

    def call(
        self, inputs: dict, training: bool = False
    ) -> dict[str, tf.Tensor]:
        """Returns the probability of each head, float32 [B, C].

        Args:
          inputs: Of the history `types` int32 and `times` int64 [B, L],
            `length` int32 [B]; `context`, a dictionary of int [B]; `timestamp`
            int64 [B]; `history_features` and `candidate_features`, what the
            item table says of steps and candidates; `listed` int64 [B, C];
            `text_nearness` float32 [B, C, TEXTS]; `scores` float32 [B, C] of
            retrieval, and `unlearned` float32 [B], 1 where they may be read
            and 0 where the towers learned from what is asked; `positions`
            int64 [B, C], -1 unknown.
          training: Whether dropout is on.
        """
        logits = self._logits(inputs, training)
        positions = inputs["positions"]
        if training:
            hide = tf.random.uniform(tf.shape(positions)) < _POSITION_DROPOUT
            unknown = -tf.ones_like(positions)
            positions = tf.where(hide, unknown, positions)
        slots = self.slots(tf.clip_by_value(positions + 1, 0, POSITIONS))
        logits += tf.cast(slots, tf.float32) + self.head_bias
        chances = tf.sigmoid(logits)
        gate = chances[..., 0]
        return {
            name: gate if i == 0 else gate * chances[..., i]
            for i, name in enumerate(self.head_names)
        }

    def _logits(self, inputs, training):
        values = self._values(inputs)
        numbers = tf.concat(
            [
                matches.plain(inputs, self.matched, self.lists),
                self._score(inputs),
            ],
            -1,
        )
        deep = tf.concat([self.deep[n](v) for n, v in values.items()], -1)
        deep = self.dropout(deep, training=training)
        numbers = tf.cast(numbers, deep.dtype)
        mixed = self.experts(tf.concat([deep, numbers], -1), training=training)
        logits = tf.concat(
            [head(mixed[..., i, :]) for i, head in enumerate(self.heads)],
            -1,
        )
        wide = [self.wide[name](value) for name, value in values.items()]
        logits += tf.add_n([self.wide_numbers(numbers), *wide])
        return tf.cast(logits, tf.float32)

    def _values(self, inputs):
        """Returns the indices of all features, int [B, C] each."""
        listed = inputs["listed"]
        age = time_gap_bucket(inputs["timestamp"][:, None] - listed)
        items = inputs["candidate_features"]
        chosen = tf.cast(items["trained"], tf.int32)
        values = {
            name: items[name] * chosen
            for name in self.matched
            if name not in self.lists
        }
        values["age"] = tf.where(listed > 0, age, 0)
        everywhere = tf.zeros_like(age)
        for name, value in inputs["context"].items():
            values[name] = tf.cast(value, tf.int32)[:, None] + everywhere
        return values

    def _score(self, inputs):
        """Returns the score where it may be read, and where, [B, C, 3].

        And which items nobody has chosen.
        """
        unlearned = inputs["unlearned"][:, None]
        score = _SCORE_SCALE * inputs["scores"] * unlearned
        everywhere = unlearned + tf.zeros_like(score)
        unchosen = 1.0 - inputs["candidate_features"]["trained"]
        return tf.stack([score, everywhere, unchosen], -1)

    def loss(
        self,
        probabilities: dict[str, tf.Tensor],
        labels: tf.Tensor,
        weights: tf.Tensor,
    ) -> tf.Tensor:
        """Returns the weighted mean cross-entropy, summed over heads.

        Args:
          probabilities: What `call` returns, [B, 1] each.
          labels: float32 [B, heads].
          weights: float32 [B], sampling correction.
        """
        total = 0.0
        for i, name in enumerate(self.head_names):
            total += self.task(
                labels=labels[:, i : i + 1],
                predictions=probabilities[name],
                sample_weight=weights,
                compute_metrics=False,
            )
        return tf.math.divide_no_nan(
            total, replicas.total(tf.reduce_sum(weights))
        )
