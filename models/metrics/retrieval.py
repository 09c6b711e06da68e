"""Metrics of retrieval: where the one item that came stood in the list."""

import numpy as np
from numpy.typing import NDArray

from models.metrics.catalogue_order import UNREACHABLE


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
