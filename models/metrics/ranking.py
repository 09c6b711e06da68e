"""Metrics of ranking: how well chances of 0 or 1 order and are calibrated."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_EPSILON = 1e-7


def _weights(labels: NDArray, weights: ArrayLike | None) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(len(labels))
    return np.asarray(weights, np.float64)


def log_loss(
    labels: ArrayLike,
    probabilities: ArrayLike,
    weights: ArrayLike | None = None,
) -> float:
    """Weighted mean of −log p(label), p cut to [1e−7, 1 − 1e−7].

    Args:
      labels: 0 or 1, [examples].
      probabilities: Chance of 1, [examples].
      weights: At least 0, [examples]; 1 each where absent.

    Returns:
      Nats an example; NaN where there is no weight at all.
    """
    y = np.asarray(labels, np.float64)
    p = np.clip(np.asarray(probabilities, np.float64), _EPSILON, 1 - _EPSILON)
    w = _weights(y, weights)
    if not w.sum():
        return float("nan")
    return float(
        -(w * (y * np.log(p) + (1 - y) * np.log1p(-p))).sum() / w.sum()
    )


def prior_log_loss(mean_label: float) -> float:
    """Log loss of a predictor that says the mean label to every example.

    It is the entropy of the label in nats, the best that can be done without
    looking at the example.

    >>> round(prior_log_loss(0.5), 6)
    0.693147
    >>> prior_log_loss(0.0)
    0.0
    """
    p = np.array([mean_label, 1.0 - mean_label])
    p = p[p > 0]
    return float(-(p * np.log(p)).sum() + 0.0)


def grouped_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    weights: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUC within each group, by one sort for all groups.

    Args:
      labels: 0 or 1, [examples].
      scores: Higher means more likely 1, [examples].
      groups: Any sortable key, such as the user, [examples].
      weights: At least 0, [examples]; 1 each where absent.

    Returns:
      float64 [groups] AUC in sorted order of the keys, ties counted half, NaN
      where a group has one class only; float64 [groups] weight of each group.
    """
    y = np.asarray(labels, np.float64)
    s = np.asarray(scores, np.float64)
    w = _weights(y, weights)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    num_groups = int(group.max()) + 1 if len(group) else 0
    order = np.lexsort((s, group))
    g, s, y, w = group[order], s[order], y[order], w[order]
    # Runs of one score in one group are ties.
    start = np.flatnonzero(
        np.r_[True, (g[1:] != g[:-1]) | (s[1:] != s[:-1])][: len(g)]
    )
    run_group = g[start]
    positive = np.add.reduceat(w * y, start) if len(g) else np.zeros(0)
    negative = np.add.reduceat(w * (1 - y), start) if len(g) else np.zeros(0)
    total_positive = np.bincount(run_group, positive, num_groups)
    total_negative = np.bincount(run_group, negative, num_groups)
    before_group = np.r_[0.0, np.cumsum(total_negative)][run_group]
    below = np.cumsum(negative) - negative - before_group
    wins = np.bincount(
        run_group, positive * (below + 0.5 * negative), num_groups
    )
    pairs = total_positive * total_negative
    auc = np.full(num_groups, np.nan)
    np.divide(wins, pairs, out=auc, where=pairs > 0)
    weight = total_positive + total_negative
    return auc, np.asarray(weight, np.float64)


def auc(
    labels: ArrayLike, scores: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Chance that a positive scores above a negative, ties counted half.

    Returns:
      0 to 1; NaN where there is only one class.
    """
    y = np.asarray(labels)
    values, _ = grouped_auc(y, scores, np.zeros(len(y), np.int8), weights)
    return float(values[0]) if len(values) else float("nan")


def group_auc(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    weights: ArrayLike | None = None,
) -> float:
    """gAUC: mean of AUC within each user, weighted by the user's examples.

    Ordering whole users does not help a user's own list, so it does not count
    here (Zhu et al. 2017, "Optimized cost per click in Taobao", eq. 9). Groups
    of one class have no order to get right and are left out.
    """
    values, weight = grouped_auc(labels, scores, groups, weights)
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    return float(np.average(values[known], weights=weight[known]))


def calibration_error(
    labels: ArrayLike,
    probabilities: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    bins: int = 10,
) -> float:
    """Expected calibration error over bins of equal width.

    Args:
      labels: 0 or 1, [examples].
      probabilities: Chance of 1, [examples].
      weights: At least 0, [examples]; 1 each where absent.
      bins: Number of bins of [0, 1], each closed on the left, at least 1.

    Returns:
      Mean over examples of |mean prediction − mean label| of the example's
      bin (Naeini et al. 2015); NaN where there is no weight at all.
    """
    y = np.asarray(labels, np.float64)
    p = np.asarray(probabilities, np.float64)
    w = _weights(y, weights)
    if not w.sum():
        return float("nan")
    which = np.minimum((p * bins).astype(np.int64), bins - 1)
    gap = np.bincount(which, w * (p - y), bins)
    return float(np.abs(gap).sum() / w.sum())
