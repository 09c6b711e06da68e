"""How good chances of being lost are, whoever tells them."""

import numpy as np
from numpy.typing import NDArray

from models.metrics import intervals
from models.metrics import ranking as metrics

TOP = 0.1
_SAMPLES = 1000


def figures(
    lost: NDArray[np.bool_], chances: NDArray[np.float64]
) -> dict[str, float]:
    """Returns AUC, log loss (nats), calibration error and lift.

    Args:
      lost: bool [users].
      chances: float64 [users].
    """
    return {
        "auc": metrics.auc(lost, chances),
        "log_loss": metrics.log_loss(lost, chances),
        "calibration_error": metrics.calibration_error(lost, chances),
        "lift": lift(lost, chances),
    }


def lift(
    lost: NDArray[np.bool_],
    chances: NDArray[np.float64],
    share: float = TOP,
) -> float:
    """How many times as many are lost among those at the greatest risk.

    Ties at the edge count by their mean, so that a constant has a lift of 1.

    >>> lost = np.array([True, True] + [False] * 18)
    >>> lift(lost, np.linspace(1, 0, 20)), lift(lost, np.zeros(20))
    (10.0, 1.0)

    Args:
      lost: bool [users].
      chances: float64 [users].
      share: Of users that are looked at, above 0.

    Returns:
      NaN where nobody is lost.
    """
    count = max(round(share * len(lost)), 1)
    if not lost.any():
        return float("nan")
    edge = np.sort(chances)[::-1][count - 1]
    above = chances > edge
    at_edge = lost[chances == edge].mean()
    found = lost[above].sum() + (count - above.sum()) * at_edge
    return float(found / count / lost.mean())


def auc_lead(
    lost: NDArray[np.bool_],
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    users: NDArray[np.object_],
) -> dict[str, float | tuple[float, float]]:
    """By how much our AUC is ahead, and a 95 % interval over users.

    Args:
      lost: bool [rows].
      ours: float64 [rows].
      theirs: float64 [rows].
      users: Ids, [rows]; a user may have several.
    """
    _, user = np.unique(users.astype(str), return_inverse=True)
    number = int(user.max(initial=-1)) + 1
    random = np.random.default_rng(0)
    leads = np.empty(_SAMPLES)
    for sample in range(_SAMPLES):
        drawn = random.integers(0, number, number)
        weights = np.bincount(drawn, minlength=number)[user]
        leads[sample] = metrics.auc(lost, ours, weights) - metrics.auc(
            lost, theirs, weights
        )
    return {
        "auc": metrics.auc(lost, ours) - metrics.auc(lost, theirs),
        "interval": intervals.interval(leads[~np.isnan(leads)]),
    }
