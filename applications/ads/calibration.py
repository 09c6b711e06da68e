"""Chances of a click that mean what they say.

What a ranking head says is made right on impressions later than those it was
trained on: by a line on the logit (Platt 1999, "Probabilistic outputs for
support vector machines") or by a monotone curve (pool adjacent violators,
Zadrozny, Elkan 2002, "Transforming classifier scores into accurate multiclass
probability estimates"), whichever fits the latest third of them better.
"""

import dataclasses
import json
import pathlib

import numpy as np
from numpy.typing import NDArray

from models.metrics.ranking import log_loss
from schema.errors import DataError

KINDS = ("raw", "platt", "isotonic")
_LEAST = 1e-5
_HELD_OUT = 1 / 3
_NEWTON_STEPS = 50
_RIDGE = 1e-3
_FEWEST_CLICKS = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """A map from what a head says to a chance.

    Attributes:
      kind: `raw` leaves chances as they are, `platt`, `isotonic`.
      slope, intercept: Of the line on the logit.
      said, meant: Corners of the monotone curve, ascending.
    """

    kind: str
    slope: float = 1.0
    intercept: float = 0.0
    said: tuple[float, ...] = ()
    meant: tuple[float, ...] = ()

    def __post_init__(self):
        """Checks the parts.

        Raises:
          DataError: The kind is unknown, or the corners do not ascend.
        """
        if self.kind not in KINDS:
            raise DataError(
                f"calibration {self.kind!r}; allowed: {', '.join(KINDS)}"
            )
        if self.kind == "isotonic" and (
            len(self.said) != len(self.meant)
            or not self.said
            or (np.diff(self.said) <= 0).any()
            or (np.diff(self.meant) < 0).any()
        ):
            raise DataError("the corners of a calibration do not ascend")

    def __call__(self, said: NDArray[np.floating]) -> NDArray[np.float64]:
        """Returns the chances meant; NaN stays NaN."""
        said = np.asarray(said, np.float64)
        if self.kind == "platt":
            meant = _sigmoid(self.slope * _logit(said) + self.intercept)
        elif self.kind == "isotonic":
            meant = np.interp(said, self.said, self.meant)
        else:
            meant = said
        return np.where(np.isnan(said), np.nan, np.clip(meant, _LEAST, 1.0))

    def write(self, path: pathlib.Path) -> None:
        """Writes it as JSON, whole or not at all."""
        half = path.with_name(f".{path.name}.part")
        half.write_text(json.dumps(dataclasses.asdict(self)), encoding="utf-8")
        half.replace(path)

    @classmethod
    def read(cls, path: pathlib.Path) -> "Calibration":
        """Reads what `write` wrote.

        Raises:
          DataError: It is no calibration.
        """
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                **told | {name: tuple(told[name]) for name in ("said", "meant")}
            )
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DataError(f"{path} is no calibration: {error}") from error


def fit(said: NDArray[np.floating], clicked: NDArray[np.bool_]) -> Calibration:
    """Fits all kinds on the earlier part and keeps what fits the later one.

    Args:
      said: [impressions] in the order of time, chances of the head.
      clicked: bool [impressions].

    Raises:
      DataError: There are too few clicks to learn from.
    """
    clicks = int(np.count_nonzero(clicked))
    if clicks < _FEWEST_CLICKS or clicks == len(clicked):
        raise DataError(
            f"{clicks} of {len(clicked)} impressions before the auction were "
            f"clicked; needed: at least {_FEWEST_CLICKS}, and not all"
        )
    first = int(len(said) * (1 - _HELD_OUT))
    losses = {
        kind: log_loss(
            clicked[first:],
            fit_kind(kind, said[:first], clicked[:first])(said[first:]),
        )
        for kind in KINDS
    }
    return fit_kind(min(losses, key=lambda kind: losses[kind]), said, clicked)


def fit_kind(
    kind: str, said: NDArray[np.floating], clicked: NDArray[np.bool_]
) -> Calibration:
    """Fits one kind of calibration, see `fit`."""
    if kind == "platt":
        slope, intercept = _platt(_logit(said), clicked)
        return Calibration(kind=kind, slope=slope, intercept=intercept)
    if kind == "isotonic":
        at, mean = pool_adjacent_violators(said, clicked)
        return Calibration(
            kind=kind, said=tuple(at.tolist()), meant=tuple(mean.tolist())
        )
    return Calibration(kind="raw")


def pool_adjacent_violators(
    said: NDArray[np.floating], clicked: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the monotone means that are nearest to the clicks.

    Neighbours that go down are pooled, all at once, until none does.

    Args:
      said: [impressions], at least one.
      clicked: bool [impressions].

    Returns:
      The mean of what was said and of the clicks in each pool, ascending.

    >>> pool_adjacent_violators(
    ...     np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1])
    ... )[1].tolist()
    [0.0, 0.5, 1.0]
    """
    values, row = np.unique(np.asarray(said, np.float64), return_inverse=True)
    number = np.bincount(row).astype(np.float64)
    clicks = np.bincount(row, np.asarray(clicked, np.float64))
    at = values * number
    while True:
        mean = clicks / number
        starts = np.flatnonzero(np.append(True, mean[1:] >= mean[:-1]))
        if len(starts) == len(mean):
            return at / number, mean
        number, clicks, at = (
            np.add.reduceat(part, starts) for part in (number, clicks, at)
        )


def slot_factors(
    chances: NDArray[np.floating],
    clicked: NDArray[np.bool_],
    positions: NDArray[np.int64],
    wanted: tuple[int, ...],
) -> NDArray[np.float64]:
    """Estimates how much likelier a click is in some slots than anywhere.

    Args:
      chances: [impressions], calibrated, of a slot like any other.
      clicked: bool [impressions].
      positions: int64 [impressions], -1 unknown.
      wanted: Slots that are asked about.

    Returns:
      float64 [slots], clicks over expected clicks; ten more of both, so that
      a slot that was hardly seen is near 1.
    """
    return np.array(
        [
            (clicked[positions == slot].sum() + 10.0)
            / (chances[positions == slot].sum() + 10.0)
            for slot in wanted
        ]
    )


def _platt(logit, clicked):
    """Fits slope and intercept by Newton's method, drawn to slope 1 a bit."""
    y = np.asarray(clicked, np.float64)
    x = np.stack([logit, np.ones_like(logit)], axis=1)
    start = np.array([1.0, 0.0])

    def loss(at):
        z = x @ at
        rest = np.square(at - start).sum()
        return (np.logaddexp(0.0, z) - y * z).sum() + _RIDGE * rest / 2

    fitted = start
    for _ in range(_NEWTON_STEPS):
        p = _sigmoid(x @ fitted)
        slope = x.T @ (p - y) + _RIDGE * (fitted - start)
        curve = (x * (p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(2)
        step = np.linalg.solve(curve, slope)
        # Far from the best line a whole step may lead away from it.
        while loss(fitted - step) > loss(fitted) and np.abs(step).max() > 1e-9:
            step = step / 2
        fitted = fitted - step
        if np.abs(step).max() < 1e-9:
            break
    return float(fitted[0]), float(fitted[1])


def _logit(p):
    p = np.clip(np.asarray(p, np.float64), _LEAST, 1 - _LEAST)
    return np.log(p) - np.log1p(-p)


def _sigmoid(x):
    # By tanh, which does not overflow.
    return 0.5 * (1 + np.tanh(x / 2))
