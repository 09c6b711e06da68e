"""Metrics of retrieval: where the one item that came stood in the list."""

import numpy as np
from numpy.typing import NDArray

from models.metrics.catalogue_order import UNREACHABLE

# Cut-offs of the hit rate and of NDCG that benchmarks of one target report.
HIT_CUTS = (5, 10, 20, 50)
GAIN_CUTS = (5, 10, 20)
# Lists that are looked at in one go; bounds memory.
_LISTS = 4096
_SMALLEST = 1e-12


def recall_at_k(ranks: NDArray[np.int64], k: int) -> float:
    """Share of queries whose target is in the first k (one target: hit rate).

    >>> recall_at_k(np.array([0, 9, 10, 4]), 10)
    0.75
    """
    return float(np.mean(ranks < k)) if len(ranks) else float("nan")


def precision_at_k(ranks: NDArray[np.int64], k: int) -> float:
    """Mean share of the first k slots that hold the target (one target).

    At most 1 / k: a list cannot be right more often than once.

    >>> precision_at_k(np.array([0, 9, 10, 4]), 10)
    0.075
    """
    return recall_at_k(ranks, k) / k


def f1_at_k(ranks: NDArray[np.int64], k: int) -> float:
    """Mean over queries of 2PR / (P + R) within the first k (one target).

    P is 1 / k and R is 1 where the target is there, both are 0 elsewhere; so
    at most 2 / (k + 1).

    >>> round(f1_at_k(np.array([0, 9, 10, 4]), 9), 4)
    0.1
    """
    return recall_at_k(ranks, k) * 2 / (k + 1)


def ndcg_at_k(ranks: NDArray[np.int64], k: int) -> float:
    """Mean of 1 / log2(rank + 2) within the first k, 0 beyond (one target)."""
    return float(np.mean(gains(ranks, k))) if len(ranks) else float("nan")


def gains(ranks: NDArray[np.int64], k: int) -> NDArray[np.float64]:
    """Each query's 1 / log2(rank + 2) within the first k, 0 beyond."""
    gain = 1.0 / np.log2(np.minimum(ranks, k) + 2.0)
    return np.where(ranks < k, gain, 0.0)


def mrr(ranks: NDArray[np.int64]) -> float:
    """Mean of 1 / (rank + 1) over the whole catalogue."""
    return float(np.mean(reciprocals(ranks))) if len(ranks) else float("nan")


def reciprocals(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each query's 1 / (rank + 1), 0 where the target was taken out."""
    return np.where(ranks < UNREACHABLE, 1.0 / (ranks + 1.0), 0.0)


def query_figures(ranks: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Each query's part in the figures that are means over queries.

    They are what intervals and paired differences are drawn from.

    >>> figures = query_figures(np.array([0, 2, 7]))
    >>> figures["hr@5"], figures["ndcg@10"].round(3)
    (array([1., 1., 0.]), array([1.   , 0.5  , 0.315]))

    Args:
      ranks: int64 [queries], from `target_ranks`.

    Returns:
      Name → float64 [queries]: `hr@k` for `HIT_CUTS` (with one target the
      hit rate is the recall), `ndcg@k` for `GAIN_CUTS`, and `mrr`.
    """
    return {
        **{f"hr@{k}": (ranks < k).astype(np.float64) for k in HIT_CUTS},
        **{f"ndcg@{k}": gains(ranks, k) for k in GAIN_CUTS},
        "mrr": reciprocals(ranks),
    }


def coverage(top: NDArray[np.int32], num_items: int) -> float:
    """Share of the catalogue that appears in anybody's list.

    Args:
      top: int32 [queries, k], from `top_items`; −1 is nobody.
      num_items: Size of the catalogue.
    """
    return float(len(np.unique(top[top >= 0])) / num_items)


def diversity(top: NDArray[np.integer], vectors: NDArray[np.floating]) -> float:
    """Mean distance of the pairs of a list, averaged over lists.

    The intra-list diversity of Smyth and McClave 2001 ("Similarity vs.
    diversity"), with 1 − cosine as the distance: 0 where all items of a list
    point the same way, 1 where they have nothing in common, at most 2. The
    vectors decide what is alike, so figures compare between methods that are
    measured by the same ones, and not between models.

    >>> diversity(np.array([[0, 1]]), np.array([[2, 0], [0, 1]]))
    1.0

    Args:
      top: integer [queries, k], from `top_items`; −1 is nobody.
      vectors: float [items, d]; one of length 0 is unlike everything.

    Returns:
      NaN where no list has two items.
    """
    total, lists = 0.0, 0
    for start in range(0, len(top), _LISTS):
        rows = top[start : start + _LISTS]
        there = rows >= 0
        number = there.sum(1)
        chosen = vectors[np.maximum(rows, 0)].astype(np.float64)
        norms = np.linalg.norm(chosen, axis=2)
        unit = chosen / np.maximum(norms, _SMALLEST)[..., None]
        unit[~there] = 0.0
        # Of the square of a sum, what is not the sum of squares is twice the
        # sum over pairs.
        alike = (unit.sum(1) ** 2).sum(1) - (unit**2).sum((1, 2))
        some = number > 1
        number = number[some]
        total += float((1 - alike[some] / (number * (number - 1))).sum())
        lists += len(number)
    return total / lists if lists else float("nan")


def novelty(top: NDArray[np.int32], counts: NDArray[np.integer]) -> float:
    """Mean self-information of what is shown, in bits.

    How surprising it is that anybody chose the item: -log2 of its share of
    all choices, one choice added to each item (Zhou et al. 2010).

    >>> novelty(np.array([[0, 1]]), np.array([0, 0]))
    1.0

    Args:
      top: int32 [queries, k], from `top_items`; −1 is nobody.
      counts: integer [items], choices of each in training.
    """
    smoothed = np.asarray(counts, np.float64) + 1.0
    bits = np.log2(smoothed.sum()) - np.log2(smoothed)
    shown = top[top >= 0]
    return float(bits[shown].mean()) if len(shown) else float("nan")


def by_item(
    values: NDArray[np.floating], targets: NDArray[np.integer]
) -> float:
    """Averages a figure of queries so that every target item counts once.

    What is chosen often is asked for often, so a plain mean is the figure of
    the popular items; this one is debiased by popularity. It is the inverse
    propensity estimate of Yang et al. 2018 (Unbiased offline recommender
    evaluation for missing-not-at-random implicit feedback) for a propensity
    in proportion to the number of choices.

    >>> by_item(np.array([1.0, 1.0, 0.0]), np.array([7, 7, 8]))
    0.5

    Args:
      values: float [queries], such as `gains` or hits.
      targets: integer [queries], the item that came.
    """
    if not len(values):
        return float("nan")
    _, item, number = np.unique(
        targets, return_inverse=True, return_counts=True
    )
    return float(np.average(values, weights=1.0 / number[item]))


def retrieval_metrics(ranks: NDArray[np.int64]) -> dict[str, float]:
    """The figures of a set of queries that need only the ranks."""
    return {
        "recall@10": recall_at_k(ranks, 10),
        "recall@50": recall_at_k(ranks, 50),
        "precision@10": precision_at_k(ranks, 10),
        "f1@10": f1_at_k(ranks, 10),
        "ndcg@10": ndcg_at_k(ranks, 10),
        "mrr": mrr(ranks),
    }
