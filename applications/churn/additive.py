"""A sum of curves that tells a chance, and what each curve adds to it.

A generalised additive model (Hastie and Tibshirani 1990) with penalised
piecewise linear curves: the logit is a base and one contribution of each
feature, so what speaks for and against a user is exactly what the model
reckons with, not an estimate of it. The loss is convex and Newton's method
(penalised iteratively reweighted least squares; Wood 2017, section 4.3) finds
its one minimum, so that equal data give equal models.
"""

import dataclasses
import itertools

import numpy as np
import tensorflow as tf

from applications.churn.features import Table
from applications.churn.shapes import Shape, design, fit_shapes
from applications.churn.words import Feature
from models.metrics.ranking import log_loss

_MOST_STEPS = 30
_CONVERGED = 1e-7
_FOLDS = 3
# Inverse prior variance of a column's weight, by its kind.
_PENALTIES = {
    "trend": (4.0, 16.0, 64.0),
    "bend": (100.0, 10_000.0),
    "switch": (10.0, 100.0),
}


class AdditiveModel(tf.keras.Model):
    """One weight for each column of the design, and a bias."""

    def __init__(self, penalties: np.ndarray):
        """Begins at 0.

        Args:
          penalties: float64 [columns], of squared weights; the bias has none.
        """
        super().__init__(dtype=tf.float64)
        self._penalties = tf.constant(np.append(penalties, 0.0))
        self.sum = tf.keras.layers.Dense(
            1, kernel_initializer="zeros", dtype=tf.float64
        )
        self.sum.build((None, len(penalties)))

    def call(self, columns: tf.Tensor) -> tf.Tensor:
        """Returns float64 [rows], logits of float64 [rows, columns]."""
        return self.sum(columns)[:, 0]

    def loss_of(self, columns: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Returns the loss in nats: of the rows, and of the weights."""
        rows = tf.nn.sigmoid_cross_entropy_with_logits(labels, self(columns))
        weights = self._weights()
        return tf.reduce_sum(rows) + 0.5 * tf.reduce_sum(
            self._penalties * weights**2
        )

    def learn(self, columns: np.ndarray, labels: np.ndarray) -> None:
        """Finds the minimum of the loss.

        Args:
          columns: float64 [rows, columns].
          labels: 0 or 1, [rows].
        """
        columns = tf.constant(columns, tf.float64)
        labels = tf.constant(labels, tf.float64)
        before = self.loss_of(columns, labels)
        for _ in range(_MOST_STEPS):
            start = self._weights()
            step = self._newton_step(columns, labels)
            share = 1.0
            while True:
                self._assign(start - share * step)
                after = self.loss_of(columns, labels)
                if after <= before or share < _CONVERGED:
                    break
                # The loss is convex: a step that is short enough lowers it.
                share /= 2
            if before - after < _CONVERGED * before:
                break
            before = after

    def _newton_step(self, columns, labels):
        ones = tf.ones([tf.shape(columns)[0], 1], tf.float64)
        all_columns = tf.concat([columns, ones], 1)
        chances = tf.sigmoid(self(columns))
        slope = tf.linalg.matvec(
            all_columns, chances - labels, transpose_a=True
        )
        slope += self._penalties * self._weights()
        curvature = tf.matmul(
            all_columns,
            all_columns * (chances * (1 - chances))[:, None],
            transpose_a=True,
        )
        # A little on top keeps the bias's row apart from 0.
        curvature += tf.linalg.diag(self._penalties + 1e-6)
        return tf.linalg.solve(curvature, slope[:, None])[:, 0]

    def _weights(self):
        return tf.concat([self.sum.kernel[:, 0], self.sum.bias], 0)

    def _assign(self, weights):
        self.sum.kernel.assign(weights[:-1, None])
        self.sum.bias.assign(weights[-1:])


@dataclasses.dataclass(frozen=True)
class Drivers:
    """What chances are made of.

    Attributes:
      base: The logit of somebody average; the same for all rows.
      names: Of the drivers.
      contributions: float64 [rows, drivers], what each adds to the logit: its
        curve at the user's value, less the curve's mean over the rows that
        were learned from.
    """

    base: float
    names: tuple[str, ...]
    contributions: np.ndarray

    @property
    def logits(self) -> np.ndarray:
        """float64 [rows]; base and contributions, nothing else."""
        return self.base + self.contributions.sum(1)

    @property
    def chances(self) -> np.ndarray:
        """float64 [rows], of being lost."""
        return 1 / (1 + np.exp(-self.logits))


@dataclasses.dataclass(frozen=True)
class Additive:
    """A trained model.

    Attributes:
      shapes: What it reads.
      model: Its weights.
      means: float64 [columns], of the rows that were learned from.
      penalties: The chosen ones, by kind of column.
    """

    shapes: list[Shape]
    model: AdditiveModel
    means: np.ndarray
    penalties: dict[str, float]

    def drivers(self, table: Table) -> Drivers:
        """Returns what the chance of each row is made of."""
        kernel = self.model.sum.kernel.numpy()[:, 0]
        bias = float(self.model.sum.bias.numpy()[0])
        parts = (design(self.shapes, table) - self.means) * kernel
        of_column = [
            shape.feature.driver or shape.feature.name
            for shape in self.shapes
            for _ in shape.penalties
        ]
        names = tuple(dict.fromkeys(of_column))
        switch = np.array(of_column)[:, None] == np.array(names)[None]
        return Drivers(
            base=bias + float(self.means @ kernel),
            names=names,
            contributions=parts @ switch.reshape(len(kernel), len(names)),
        )


def train(
    features: tuple[Feature, ...], table: Table, *, seed: int = 0
) -> Additive:
    """Learns from users whose fate is known.

    How much curves may rise and bend is chosen on users that are held out,
    each with all of its rows, a third at a time.

    Args:
      features: The columns to read.
      table: With `lost`; both kinds of users.
      seed: Of the thirds.
    """
    labels = np.asarray(table.lost, float)
    shapes = fit_shapes(features, table)
    columns = design(shapes, table)
    fold = folds(table, seed)

    def fitted(penalties, rows):
        model = AdditiveModel(_by_column(shapes, penalties))
        model.learn(columns[rows], labels[rows])
        return model

    tried = []
    for values in itertools.product(*_PENALTIES.values()):
        penalties = dict(zip(_PENALTIES, values, strict=True))
        logits = np.zeros(len(labels))
        for held_out in range(_FOLDS):
            rows = fold == held_out
            logits[rows] = fitted(penalties, ~rows)(columns[rows]).numpy()
        loss = log_loss(labels, 1 / (1 + np.exp(-logits)))
        tried.append((loss, penalties))
    _, chosen = min(tried, key=lambda one: one[0])
    return Additive(
        shapes=shapes,
        model=fitted(chosen, np.ones(len(labels), bool)),
        means=columns.mean(0),
        penalties=chosen,
    )


def folds(table: Table, seed: int) -> np.ndarray:
    """Returns int64 [rows], in which third each row's user is held out."""
    _, user = np.unique(table.users.astype(str), return_inverse=True)
    random = np.random.default_rng(seed)
    return random.integers(0, _FOLDS, int(user.max(initial=-1)) + 1)[user]


def _by_column(shapes, penalties):
    kinds = [kind for shape in shapes for kind in shape.penalties]
    return np.array([penalties[kind] for kind in kinds])
