"""Metrics of retrieval and of ranking, the same for every method compared.

Everything is numpy on whole arrays. Ties are broken by a fixed permutation of
the catalogue that is the same for all methods: a method that gives many items
the same score (popularity in the tail, item-kNN at 0) then gains nothing from
the order in which the catalogue happens to be stored, as it would if the
lower row won, and is not punished for it either, as it would be if ties went
against the target.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# The rank of a target that was excluded: beyond every cut-off.
UNREACHABLE = np.iinfo(np.int64).max // 2
_TIE_SEED = 20_240_601
_EPSILON = 1e-7


def tie_order(num_items: int) -> NDArray[np.int32]:
    """Returns the fixed permutation that breaks ties: lower comes first.

    Args:
      num_items: Size of the catalogue.

    Returns:
      int32 [num_items], the same for one size in every run.
    """
    rng = np.random.default_rng(_TIE_SEED)
    return rng.permutation(num_items).astype(np.int32)


def target_ranks(
    scores: NDArray[np.float32],
    targets: NDArray[np.integer],
    order: NDArray[np.int32],
) -> NDArray[np.int64]:
    """Ranks each query's target among all items.

    >>> scores = np.array([[0.1, 0.9, 0.5]], np.float32)
    >>> target_ranks(scores, np.array([2]), np.arange(3, dtype=np.int32))
    array([1])

    Args:
      scores: float32 [queries, items]; −inf takes an item out.
      targets: integer [queries], column of the one item that came.
      order: int32 [items], from `tie_order`.

    Returns:
      int64 [queries], number of items before the target, 0 is best;
      `UNREACHABLE` where the target itself was taken out.

    Raises:
      ValueError: A score is not a number: a broken model would otherwise rank
        first, since nothing compares greater than NaN.
    """
    if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise ValueError(
            f"score of query {row} for item row {column} is not a number"
        )
    own = np.take_along_axis(scores, targets[:, None], axis=1)
    ranks = np.count_nonzero(scores > own, axis=1).astype(np.int64)
    tied = scores == own
    # Only rows where another item has the target's score need the order.
    rows = np.flatnonzero(np.count_nonzero(tied, axis=1) > 1)
    if len(rows):
        before = order[None, :] < order[targets[rows]][:, None]
        ranks[rows] += np.count_nonzero(tied[rows] & before, axis=1)
    ranks[np.isneginf(own[:, 0])] = UNREACHABLE
    return ranks


def top_items(
    scores: NDArray[np.float32], k: int, order: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Returns the k best items of each query, ties broken as in the ranks.

    Args:
      scores: float32 [queries, items]; −inf takes an item out.
      k: How many, at least 1; more than there are items gives all of them.
      order: int32 [items], from `tie_order`.

    Returns:
      int32 [queries, min(k, items)], best first, −1 where nothing is left.
    """
    num_items = scores.shape[1]
    k = min(k, num_items)
    kth = np.partition(scores, num_items - k, axis=1)[:, num_items - k, None]
    # Surely in (−1), on the edge (by order), out; the k smallest keys win.
    key = np.where(scores == kth, order[None, :], np.int32(num_items))
    key[scores > kth] = -1
    chosen = np.argpartition(key, k - 1, axis=1)[:, :k].astype(np.int32)
    values = np.take_along_axis(scores, chosen, axis=1)
    ranked = np.lexsort((order[chosen], -values), axis=1)
    chosen = np.take_along_axis(chosen, ranked, axis=1)
    values = np.take_along_axis(values, ranked, axis=1)
    return np.where(np.isneginf(values), np.int32(-1), chosen)


def recall_at_k(ranks: NDArray[np.int64], k: int) -> float:
    """Share of queries whose target is in the first k (one target: hit rate).

    >>> recall_at_k(np.array([0, 9, 10, 4]), 10)
    0.75
    """
    return float(np.mean(ranks < k)) if len(ranks) else float("nan")


def ndcg_at_k(ranks: NDArray[np.int64], k: int) -> float:
    """Mean of 1 / log2(rank + 2) within the first k, 0 beyond (one target)."""
    if not len(ranks):
        return float("nan")
    gain = 1.0 / np.log2(np.minimum(ranks, k) + 2.0)
    return float(np.mean(np.where(ranks < k, gain, 0.0)))


def mrr(ranks: NDArray[np.int64]) -> float:
    """Mean of 1 / (rank + 1) over the whole catalogue."""
    if not len(ranks):
        return float("nan")
    return float(
        np.mean(np.where(ranks < UNREACHABLE, 1.0 / (ranks + 1.0), 0.0))
    )


def coverage(top: NDArray[np.int32], num_items: int) -> float:
    """Share of the catalogue that appears in anybody's list.

    Args:
      top: int32 [queries, k], from `top_items`; −1 is nobody.
      num_items: Size of the catalogue.
    """
    return float(len(np.unique(top[top >= 0])) / num_items)


def retrieval_metrics(ranks: NDArray[np.int64]) -> dict[str, float]:
    """The figures of a set of queries that need only the ranks."""
    return {
        "recall@10": recall_at_k(ranks, 10),
        "recall@50": recall_at_k(ranks, 50),
        "ndcg@10": ndcg_at_k(ranks, 10),
        "mrr": mrr(ranks),
    }


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
