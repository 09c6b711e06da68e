"""The ranking task: what becomes of an impression, down the funnel."""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.layers.mixture import MixtureOfExperts
from models.towers import TIME_GAP_BUCKETS, time_gap_bucket
from schema.contract import EVENT_TYPES

# Slots of a list that have a bias of their own; later ones share the last.
POSITIONS = 64
# Share of impressions whose slot is hidden in training, so that the bias of
# an unknown slot, which serving uses, is an average one.
_POSITION_DROPOUT = 0.1
# A head begins at no less, however rare its label.
_RAREST = 1e-4


def shared_words(
    candidates: tf.Tensor, steps: tf.Tensor, here: tf.Tensor
) -> tf.Tensor:
    """Counts, of steps and a candidate's words, the pairs where both agree.

    Args:
      candidates: int32 [B, C, K], words of candidates, each once; 0 is none.
      steps: int32 [B, L, K], words of the items of the history.
      here: bool [B, L], false at padding.

    Returns:
      float32 [B, C].
    """
    # The history's words in order once, then two searches for each word of a
    # candidate: to compare all with all would take K times K for each pair.
    steps = tf.where(here[..., None], steps, 0)
    # One of no words behind them: the search wants something to work on.
    steps, candidates = (
        tf.pad(words, [[0, 0], [0, 1], [0, 0]]) for words in (steps, candidates)
    )
    width = steps.shape[-1]
    steps = tf.reshape(steps, [-1, tf.shape(steps)[1] * width])
    words = tf.reshape(candidates, [-1, tf.shape(candidates)[1] * width])
    steps = tf.sort(steps)
    first = tf.searchsorted(steps, words, "left")
    last = tf.searchsorted(steps, words, "right")
    agree = tf.where(words > 0, last - first, 0)
    agree = tf.reshape(agree, tf.shape(candidates))
    return tf.cast(tf.reduce_sum(agree, -1), tf.float32)[:, :-1]


class CandidateAttention(tf.keras.layers.Layer):
    """Reads from the history what matters for a candidate (DIN, Zhou 2018).

    Args:
      dimension: Width of the vectors.
    """

    def __init__(self, dimension: int, **kw):
        super().__init__(**kw)
        self.query = tf.keras.layers.Dense(dimension, use_bias=False)
        self.key = tf.keras.layers.Dense(dimension, use_bias=False)
        self.value = tf.keras.layers.Dense(dimension, use_bias=False)
        self.scale = dimension**-0.5

    def call(
        self, candidates: tf.Tensor, steps: tf.Tensor, here: tf.Tensor
    ) -> tf.Tensor:
        """Returns float [B, C, d]; zeros for an empty history.

        Args:
          candidates: float [B, C, d].
          steps: float [B, L, d].
          here: bool [B, L], false at padding.
        """
        scores = tf.matmul(
            self.query(candidates), self.key(steps), transpose_b=True
        )
        scores = tf.cast(scores, tf.float32) * self.scale
        scores = tf.where(here[:, None, :], scores, -1e9)
        weights = tf.nn.softmax(scores) * tf.cast(here[:, None, :], tf.float32)
        values = self.value(steps)
        return tf.matmul(tf.cast(weights, values.dtype), values)


class FunnelRanking(tf.keras.Model):
    """Heads along the funnel on shared experts (ESMM in MMoE).

    The first head is p(click | shown). Each other head learns
    p(head | click), and what it gives is the product (Ma et al. 2018, ESMM),
    so it is trained and calibrated on all impressions, clicked or not. The
    slot adds a bias to the logits in training and none of its own at serving.

    Args:
      head_names: The heads, from the top of the funnel.
      dimension: Width of the vectors.
      matches: Names of categorical item features that are compared between
        candidate and history.
      num_experts: Experts that the heads share.
      width: Units of each.
      dropout: Share dropped in the experts.
    """

    def __init__(
        self,
        *,
        head_names: tuple[str, ...],
        dimension: int,
        matches: tuple[str, ...],
        num_experts: int,
        width: int,
        dropout: float,
        **kw,
    ):
        super().__init__(**kw)
        layers = tf.keras.layers
        self.head_names = head_names
        self.matches = matches
        self.attention = CandidateAttention(dimension)
        self.event_types = layers.Embedding(len(EVENT_TYPES) + 1, dimension)
        self.ages = layers.Embedding(TIME_GAP_BUCKETS, 8)
        self.norm = layers.LayerNormalization(epsilon=1e-6)
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
          inputs: `query` and `context` float [B, d]; `items` and `types`
            [B, L(, d)], the history; `length` int32 [B]; `candidates` float
            [B, C, d]; `history_features` and `candidate_features`, what the
            item table says of them; `timestamp`, `listed` int64 [B], [B, C];
            `scores` float32 [B, C] of retrieval; `positions` int64 [B, C],
            -1 unknown.
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
        chances = tf.sigmoid(tf.cast(logits, tf.float32))
        gate = chances[..., 0]
        return {
            name: gate if i == 0 else gate * chances[..., i]
            for i, name in enumerate(self.head_names)
        }

    def _logits(self, inputs, training):
        items, candidates = inputs["items"], inputs["candidates"]
        types = inputs["types"]
        here = tf.range(tf.shape(types)[1])[None] < inputs["length"][:, None]
        steps = items + tf.cast(self.event_types(types), items.dtype)
        attended = self.attention(candidates, steps, here)
        query = tf.zeros_like(candidates) + inputs["query"][:, None, :]
        context = tf.zeros_like(candidates) + inputs["context"][:, None, :]
        vectors = tf.concat(
            [
                query,
                candidates,
                query * candidates,
                attended,
                attended * tf.cast(candidates, attended.dtype),
                context,
            ],
            -1,
        )
        age = time_gap_bucket(inputs["timestamp"][:, None] - inputs["listed"])
        age = tf.where(inputs["listed"] > 0, age, 0)
        plain = tf.concat(
            [
                0.1 * inputs["scores"][..., None],
                self._same_item(inputs, here),
                self._matches(inputs, here),
                tf.cast(self.ages(age), tf.float32),
            ],
            -1,
        )
        both = tf.concat(
            [self.norm(vectors), tf.cast(plain, vectors.dtype)], -1
        )
        mixed = self.experts(both, training=training)
        return tf.concat(
            [head(mixed[..., i, :]) for i, head in enumerate(self.heads)],
            -1,
        )

    def _same_item(self, inputs, here):
        """Counts a candidate's own steps in the history by event type."""
        same = self._equal(inputs, "rows", here)
        types = tf.one_hot(inputs["types"], len(EVENT_TYPES) + 1)
        return tf.math.log1p(tf.matmul(same, types))

    def _matches(self, inputs, here):
        """Counts steps on items of the same brand, category and so on.

        Of a list it counts pairs of a step and a word that both have.
        """
        counts = [
            shared_words(
                inputs["candidate_features"][name],
                inputs["history_features"][name],
                here,
            )
            if inputs["candidate_features"][name].shape.rank == 3
            else tf.reduce_sum(self._equal(inputs, name, here), -1)
            for name in self.matches
        ]
        return tf.math.log1p(tf.stack(counts, -1))

    @staticmethod
    def _equal(inputs, name, here):
        candidates = inputs["candidate_features"][name][:, :, None]
        steps = inputs["history_features"][name][:, None, :]
        unknown = -1 if name == "rows" else 0
        same = (candidates == steps) & (candidates != unknown)
        return tf.cast(same & here[:, None, :], tf.float32)

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
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights))
