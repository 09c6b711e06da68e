"""The sequence model: the next category, and whether something is bought."""

import typing

import tensorflow as tf

from applications.intent.content import Content
from applications.intent.settings import IntentSettings
from applications.intent.steps import KINDS
from applications.intent.tallies import SPANS
from models.layers.causal_block import CausalBlock
from models.local_time import local_hour
from models.towers import TIME_GAP_BUCKETS, time_gap_bucket

# Steps; the categories of the history fade with them, and with them alone.
_FADES = (1.5, 6.0)
_LEAST_SHARE = 1e-3
_HEADS = 4


class IntentNetwork(tf.keras.Model):
    """Reads steps; says at each what comes next.

    A step is the sum of what its item or search means (text, category,
    brand), what was done with it, the time since the step before and the hour
    of the day. A GRU or causal Transformer blocks read them. Beside their
    state stand tallies of all that was done so far, and the categories of
    the history itself, which the next choice is of more often than not (a
    pointer, Vinyals et al. 2015, over categories).

    The chances of buying within rising horizons never fall: each horizon adds
    hazard to the one before.

    Args:
      content: What items and searches are.
      settings: Kind and widths.
    """

    def __init__(self, content: Content, settings: IntentSettings):
        super().__init__(name="intent")
        layers = tf.keras.layers
        width = settings.width
        self.num_categories = len(content.categories) + 1
        self.category = self._constant(content.category, "category")
        self.text = self._constant(content.text, "text")
        self.project = layers.Dense(width, use_bias=False)
        self.embeddings = {
            name: layers.Embedding(size, width, name=name)
            for name, size in (
                ("categories", self.num_categories),
                ("brands", len(content.brands) + 1),
                ("kinds", len(KINDS) + 1),
                ("gaps", TIME_GAP_BUCKETS),
                ("hours", 24),
            )
        }
        self.brand = self._constant(content.brand, "brand")
        self.dropout = layers.Dropout(settings.dropout)
        self.blocks: list[typing.Any] = [
            CausalBlock(width, _HEADS, 2, settings.dropout, False)
            if settings.sequence_model == "transformer"
            else layers.GRU(width, return_sequences=True)
            for _ in range(settings.num_blocks)
        ]
        self.norm = layers.LayerNormalization(epsilon=1e-6)
        self.hidden = layers.Dense(width, activation="gelu")
        # The history leads at first, and what is learned beside it adds to it.
        self.next_category = layers.Dense(
            self.num_categories, kernel_initializer="zeros"
        )
        self.pointer = layers.Dense(
            len(SPANS) + len(_FADES), activation="softplus"
        )
        # Purchases are few: what they teach must not bend the rest, and most
        # of it is a sum over what was done so far.
        self.buying = layers.Dense(width // 2, activation="gelu")
        self.hazard = layers.Dense(
            len(settings.horizons),
            bias_initializer=tf.keras.initializers.Constant(-3.0),
        )
        self.habit = layers.Dense(
            len(settings.horizons), use_bias=False, kernel_initializer="zeros"
        )

    def _constant(self, values, name):
        return tf.Variable(values, trainable=False, name=name)

    def call(
        self, inputs: dict, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Answers at every step from it and those before it.

        Args:
          inputs: `rows` int32, `kinds` int32 and `times` int64, all [B, L],
            padded with zeros on the right; and `tallies` float32
            [B, L, WIDTH], of all that was done up to each step.
          training: Whether dropout is on.

        Returns:
          Logits of the next choice's category, float32 [B, L, categories],
          index 0 of none; and the chances that something is bought within
          each horizon, float32 [B, L, horizons].
        """
        rows, kinds = inputs["rows"], inputs["kinds"]
        category = tf.gather(self.category, rows)
        ago = _ago(inputs["times"], kinds)
        state = self._read(rows, kinds, category, inputs["times"], training)
        within = [tf.cast(ago <= span, tf.float32) for span in SPANS]
        tallies = inputs["tallies"]
        told = self.dropout(
            tf.concat([self.norm(state), tallies], -1), training=training
        )
        hidden = self.hidden(told)
        logits = self.next_category(hidden)
        known = tf.one_hot(category, self.num_categories)
        known *= tf.cast(category > 0, tf.float32)[..., None]
        strength = self.pointer(hidden)
        seen = [tf.math.log1p(tf.matmul(span, known)) for span in within]
        seen += [
            tf.math.log(
                tf.matmul(_faded(kinds, steps), known) / _LEAST_SHARE + 1
            )
            for steps in _FADES
        ]
        for place, found in enumerate(seen):
            logits += strength[..., place, None] * found
        buying = self.buying(
            self.dropout(
                tf.concat([tf.stop_gradient(self.norm(state)), tallies], -1),
                training=training,
            )
        )
        added = tf.math.softplus(self.hazard(buying) + self.habit(tallies))
        hazard = tf.cumsum(added, axis=-1)
        return logits, -tf.math.expm1(-hazard)

    def _read(self, rows, kinds, category, times, training):
        gap = times - tf.concat([times[:, :1], times[:, :-1]], 1)
        hour = tf.cast(local_hour(times), tf.int32)
        found = {
            "categories": category,
            "brands": tf.gather(self.brand, rows),
            "kinds": kinds,
            "gaps": time_gap_bucket(gap),
            "hours": hour,
        }
        steps = self.project(tf.gather(self.text, rows))
        for name, index in found.items():
            steps += self.embeddings[name](index)
        steps = self.dropout(steps, training=training)
        for block in self.blocks:
            steps = block(steps, training=training)
        return steps


def _ago(times, kinds):
    """Seconds from step s to step t, [B, t, s]; huge where s is no past."""
    ago = tf.cast(times[:, :, None] - times[:, None, :], tf.float32)
    length = tf.shape(times)[1]
    past = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0)
    past &= (kinds > 0)[:, None, :]
    # Padding has no time, so what is before it seems to lie ahead of it.
    return tf.where(past, tf.maximum(ago, 0.0), float(2**40))


def _faded(kinds, steps):
    """Weights of the steps before each, [B, t, s]; they halve and halve."""
    length = tf.shape(kinds)[1]
    place = tf.cast(tf.range(length), tf.float32)
    back = place[:, None] - place[None, :]
    weight = tf.where(back >= 0, tf.exp(-tf.maximum(back, 0.0) / steps), 0.0)
    return weight * tf.cast(kinds > 0, tf.float32)[:, None, :]
