"""A sum of curves that tells a chance, and what each curve adds to it.

A generalised additive model (Hastie and Tibshirani 1990) with penalised
piecewise linear curves: the logit is a base and one contribution of each
feature, so what speaks for and against a user is exactly what the model
reckons with, not an estimate of it. Given the penalties, the loss is convex
and Newton's method finds its one minimum; the penalty of each curve is what
makes the data likeliest, which flattens a curve that explains nothing (MacKay
1992, "Bayesian interpolation", section 4). Equal data give equal models.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from applications.churn.features import Table
from applications.churn.shapes import Shape, design, fit_shapes
from applications.churn.words import Feature

_MOST_STEPS = 30
_CONVERGED = 1e-7
# Inverse prior variance of weights: at the start, and within what limits.
_FIRST_PENALTY = 10.0
_LEAST_PENALTY, _MOST_PENALTY = 0.1, 1e6
_MOST_ROUNDS = 40
_SETTLED = 0.05


class AdditiveModel(tf.keras.Model):
    """One weight for each column of the design, and a bias."""

    def __init__(self, num_columns: int):
        """Begins at 0.

        Args:
          num_columns: Of the design.
        """
        super().__init__(dtype=tf.float64)
        self.sum = tf.keras.layers.Dense(
            1, kernel_initializer="zeros", dtype=tf.float64
        )
        self.sum.build((None, num_columns))

    def call(self, columns: tf.Tensor) -> tf.Tensor:
        """Returns float64 [rows], logits of float64 [rows, columns]."""
        return self.sum(columns)[:, 0]

    def learn(
        self,
        columns: tf.Tensor,
        labels: tf.Tensor,
        penalties: tf.Tensor,
        trust: float,
    ) -> tf.Tensor:
        """Finds the minimum of the loss, from where the weights are.

        Args:
          columns: float64 [rows, columns].
          labels: float64 [rows], 0 or 1.
          penalties: float64 [columns], of half the squared weights.
          trust: What a row counts.

        Returns:
          float64 [columns], variance of each weight around the minimum.
        """
        # The bias is free, but for what keeps its row apart from 0.
        penalties = tf.concat([penalties, [1e-6]], 0)

        def loss():
            rows = tf.nn.sigmoid_cross_entropy_with_logits(
                labels, self(columns)
            )
            squares = tf.reduce_sum(penalties * self._weights() ** 2)
            return trust * tf.reduce_sum(rows) + 0.5 * squares

        before = loss()
        for _ in range(_MOST_STEPS):
            start = self._weights()
            slope, curvature = self._slope(columns, labels, penalties, trust)
            step = tf.linalg.solve(curvature, slope[:, None])[:, 0]
            share = 1.0
            while True:
                self._assign(start - share * step)
                after = loss()
                if after <= before or share < _CONVERGED:
                    break
                # The loss is convex: a step that is short enough lowers it.
                share /= 2
            if before - after < _CONVERGED * before:
                break
            before = after
        _, curvature = self._slope(columns, labels, penalties, trust)
        return tf.linalg.diag_part(tf.linalg.inv(curvature))[:-1]

    def _slope(self, columns, labels, penalties, trust):
        """Returns the loss's first and second derivative."""
        ones = tf.ones([tf.shape(columns)[0], 1], tf.float64)
        columns_and_bias = tf.concat([columns, ones], 1)
        chances = tf.sigmoid(self(columns))
        slope = penalties * self._weights() + trust * tf.linalg.matvec(
            columns_and_bias, chances - labels, transpose_a=True
        )
        curvature = tf.linalg.diag(penalties) + trust * tf.matmul(
            columns_and_bias,
            columns_and_bias * (chances * (1 - chances))[:, None],
            transpose_a=True,
        )
        return slope, curvature

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
    """

    shapes: list[Shape]
    model: AdditiveModel
    means: np.ndarray

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


def train(features: tuple[Feature, ...], table: Table) -> Additive:
    """Learns from users whose fate is known.

    A user has a row at each as-of time, and label windows overlap; the rows
    together count as much as there are users, which is what penalties are
    weighed against.

    Args:
      features: The columns to read.
      table: With `lost`; both kinds of users.
    """
    shapes = fit_shapes(features, table)
    columns = design(shapes, table)
    group = _groups(shapes)
    trust = len(set(table.users.tolist())) / len(table)
    rows = tf.constant(columns), tf.constant(table.lost, tf.float64)
    model = AdditiveModel(columns.shape[1])
    sizes = np.bincount(group)
    penalties = np.full(len(sizes), _FIRST_PENALTY)
    for _ in range(_MOST_ROUNDS):
        variance = model.learn(*rows, tf.constant(penalties[group]), trust)
        squares = np.bincount(group, model.sum.kernel.numpy()[:, 0] ** 2)
        # How many weights of a group the data, not the prior, have set.
        set_by_data = sizes - penalties * np.bincount(group, variance.numpy())
        better = np.clip(
            np.maximum(set_by_data, 0) / np.maximum(squares, 1e-12),
            _LEAST_PENALTY,
            _MOST_PENALTY,
        )
        change = np.abs(np.log(better / penalties)).max(initial=0)
        penalties = better
        if change < _SETTLED:
            break
    model.learn(*rows, tf.constant(penalties[group]), trust)
    return Additive(shapes=shapes, model=model, means=columns.mean(0))


def _groups(shapes: list[Shape]) -> np.ndarray:
    """Returns int64 [columns]: columns of one kind in one shape go together."""
    keys = [
        (number, kind)
        for number, shape in enumerate(shapes)
        for kind in shape.penalties
    ]
    order = {key: n for n, key in enumerate(dict.fromkeys(keys))}
    return np.array([order[key] for key in keys], np.int64)
