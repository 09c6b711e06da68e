"""Ranks of targets and lists of the best, the same for every method compared.

Everything is numpy on whole arrays. Ties are broken by a fixed permutation of
the catalogue that is the same for all methods: a method that gives many items
the same score (popularity in the tail, item-kNN at 0) then gains nothing from
the order in which the catalogue happens to be stored, as it would if the
lower row won, and is not punished for it either, as it would be if ties went
against the target.
"""

import numpy as np
from numpy.typing import NDArray

# The rank of a target that was excluded: beyond every cut-off.
UNREACHABLE = np.iinfo(np.int64).max // 2
_TIE_SEED = 20_240_601


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
