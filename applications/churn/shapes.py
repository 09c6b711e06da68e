"""Features as columns in which a sum of curves is a sum of products.

A number becomes its place among quantiles and the two of them that it lies
between (a piecewise linear curve); a name becomes a switch. Whatever is
unknown has a switch of its own.
"""

import dataclasses

import numpy as np

from applications.churn.features import Table
from applications.churn.words import Feature

_KNOTS = 8
# Fewer rows than this do not tell a name apart from others.
_RARE = 20


@dataclasses.dataclass(frozen=True)
class Shape:
    """How one feature is spread over columns.

    Attributes:
      feature: Which.
      knots: Ascending, of a number; empty of a name.
      names: Those with a column each; empty of a number.
      has_missing: Whether there is a column for rows without a value.
    """

    feature: Feature
    knots: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    has_missing: bool = False

    @property
    def penalties(self) -> tuple[str, ...]:
        """Kind of each column: `trend`, `bend`, or `switch`."""
        numbers = ("trend", *("bend" for _ in self.knots)) if self.knots else ()
        switches = len(self.names) + self.has_missing
        return (*numbers, *("switch" for _ in range(switches)))

    def columns(self, values: np.ndarray) -> np.ndarray:
        """Returns float64 [rows, len(penalties)]."""
        if self.feature.is_text:
            found = [values == name for name in self.names]
            missing = values == ""
        else:
            found = self._curve(values) if self.knots else []
            missing = np.isnan(values)
        if self.has_missing:
            found.append(missing)
        return np.stack(found, 1).astype(float)

    def _curve(self, values):
        """The place among the knots, 0 in the middle, and the two beside."""
        last = len(self.knots) - 1
        known = ~np.isnan(values)
        place = np.interp(
            np.where(known, values, self.knots[0]),
            self.knots,
            np.arange(last + 1),
        )
        beside = np.maximum(1 - np.abs(place[:, None] - range(last + 1)), 0)
        trend = place / last - 0.5
        return [trend * known, *(beside * known[:, None]).T]


def fit_shapes(features: tuple[Feature, ...], table: Table) -> list[Shape]:
    """Finds knots and names; leaves out features that are always the same.

    Args:
      features: What the table's columns are.
      table: What is learned from.
    """
    shapes = []
    for feature in features:
        values = table.columns[feature.name]
        shape = (_of_names if feature.is_text else _of_numbers)(feature, values)
        if shape is not None:
            shapes.append(shape)
    return shapes


def _of_numbers(feature, values):
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    edges = np.quantile(known, np.linspace(0, 1, _KNOTS))
    knots = np.unique(edges)
    missing = len(known) < len(values)
    if len(knots) < 2:
        return Shape(feature, has_missing=True) if missing else None
    return Shape(feature, tuple(knots.tolist()), has_missing=missing)


def _of_names(feature, values):
    names, counts = np.unique(values.astype(str), return_counts=True)
    common = [
        name
        for name, count in zip(names.tolist(), counts, strict=True)
        if name and count >= _RARE
    ]
    missing = bool((values == "").any())
    if len(common) + missing < 2:
        return None
    return Shape(feature, names=tuple(common), has_missing=missing)


def design(shapes: list[Shape], table: Table) -> np.ndarray:
    """Returns float64 [rows, columns], each shape's columns in order."""
    parts = [s.columns(table.columns[s.feature.name]) for s in shapes]
    return np.concatenate([np.zeros((len(table), 0)), *parts], axis=1)
