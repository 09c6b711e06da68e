"""What exact search finds, and how much of it another search does."""

import math

import numpy as np

from schema.errors import DataError

# Queries that exact scores are held for at once.
_EXACT_CHUNK = 256
# Scores this close are equal: others add up in another order.
_TIE = 1e-5


def exact_neighbours(
    vectors: np.ndarray, queries: np.ndarray, k: int
) -> np.ndarray:
    """Finds the k best rows by dot product.

    Args:
      vectors: float32 [N, d].
      queries: float32 [Q, d].
      k: At most N.

    Returns:
      int32 [Q, k], in no order.
    """
    found = [
        np.argpartition(-(chunk @ vectors.T), k - 1, axis=1)[:, :k]
        for chunk in np.array_split(
            queries, max(1, math.ceil(len(queries) / _EXACT_CHUNK))
        )
    ]
    return np.concatenate(found).astype(np.int32)


def measure_recall(
    vectors: np.ndarray,
    queries: np.ndarray,
    found: np.ndarray,
    expected: np.ndarray,
    counted: np.ndarray | None = None,
) -> float:
    """Returns the share of the best k scores that were reached.

    By score and not by row: of items that are described alike, any is as
    good as another.

    Args:
      vectors: float32 [N, d].
      queries: float32 [Q, d].
      found: int [Q, k], distinct rows, -1 where nothing was found.
      expected: int [Q, k], the rows of exact search.
      counted: bool [N], which rows count; all where None. 1 is returned where
        none of those is expected.
    """
    if counted is None:
        counted = np.ones(len(vectors), bool)
    reached = 0
    for n, query in enumerate(queries):
        worst = (vectors[expected[n]] @ query).min()
        rows = found[n][found[n] >= 0]
        near = vectors[rows] @ query >= worst - _TIE * max(abs(worst), 1.0)
        reached += min((near & counted[rows]).sum(), counted[expected[n]].sum())
    wanted = counted[expected].sum()
    return float(reached / wanted) if wanted else 1.0


def finite(vectors: np.ndarray, what: str) -> None:
    """Checks that there are vectors and that all are numbers.

    Raises:
      DataError: There are none, or a row is not finite.
    """
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise DataError(
            f"{what} have shape {vectors.shape}; needed: [rows, dimension], "
            "at least one of each"
        )
    if not (usable := np.isfinite(vectors).all(axis=1)).all():
        raise DataError(
            f"{what}: row {int(np.argmin(usable))} is not finite; the model "
            "was not trained to usable values"
        )
