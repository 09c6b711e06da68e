"""Metrics of lists where any number of entries may be right.

With one right entry a list they are those of `models.metrics.retrieval`.
"""

import numpy as np
from numpy.typing import NDArray


def hit_figures(
    hits: NDArray[np.bool_], wanted: NDArray[np.integer]
) -> dict[str, NDArray[np.float64]]:
    """Returns each list's part in the figures that are means over lists.

    F1 is the harmonic mean of a list's precision and recall; NDCG counts
    every right entry alike and compares with all of them in front (Järvelin
    and Kekäläinen 2002).

    >>> told = hit_figures(np.array([[True, False]]), np.array([3]))
    >>> [f"{name} {one[0]:.3f}" for name, one in told.items()]
    ['precision@2 0.500', 'recall@2 0.333', 'f1@2 0.400', 'ndcg@2 0.613']

    Args:
      hits: bool [lists, k], which slots hold something right; a slot that
        could not be filled does not.
      wanted: integer [lists], how many are right in all, at least 1 each.

    Returns:
      `precision@k`, `recall@k`, `f1@k` and `ndcg@k`, float64 [lists].
    """
    k = hits.shape[1]
    found = hits.sum(1).astype(np.float64)
    worth = 1.0 / np.log2(np.arange(k) + 2.0)
    best = np.cumsum(worth)[np.minimum(wanted, k) - 1]
    return {
        f"precision@{k}": found / k,
        f"recall@{k}": found / wanted,
        f"f1@{k}": 2 * found / (k + wanted),
        f"ndcg@{k}": (hits @ worth) / best,
    }
