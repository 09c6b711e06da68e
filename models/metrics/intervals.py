"""How sure a figure is: confidence intervals by resampling users."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray


def bootstrap_means(
    values: ArrayLike,
    users: ArrayLike,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Draws users with replacement and averages what their queries gave.

    Queries of one user are alike, so users are drawn and not queries; two
    methods resampled with one seed are compared on the same draws.

    Args:
      values: float [queries].
      users: Any sortable key, [queries].
      samples: How often is drawn, at least 1.
      seed: Of the draws.

    Returns:
      float64 [samples], the mean over queries of each draw.
    """
    values = np.asarray(values, np.float64)
    _, user = np.unique(np.asarray(users), return_inverse=True)
    num_users = int(user.max()) + 1 if len(user) else 0
    if not num_users:
        return np.full(samples, np.nan)
    total = np.bincount(user, values, num_users)
    number = np.bincount(user, minlength=num_users).astype(np.float64)
    rng = np.random.default_rng(seed)
    means = np.empty(samples)
    for sample in range(samples):
        drawn = rng.integers(0, num_users, num_users)
        means[sample] = total[drawn].sum() / number[drawn].sum()
    return means


def interval(
    means: NDArray[np.float64], level: float = 0.95
) -> tuple[float, float]:
    """Returns the middle `level` of resampled figures.

    >>> interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    edge = (1 - level) / 2
    low, high = np.quantile(means, [edge, 1 - edge])
    return float(low), float(high)


@dataclasses.dataclass(frozen=True)
class Difference:
    """By how much one method is ahead of another.

    Attributes:
      mean: Of the first less the second, over queries.
      low: Lower end of the confidence interval.
      high: Upper end.
      p: Chance of draws at least this far from 0, on both sides, if the two
        were alike; no less than 2 / (samples + 1).
    """

    mean: float
    low: float
    high: float
    p: float


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    users: ArrayLike,
    *,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Compares two methods on the same queries, drawing users.

    What is hard to answer is so for both methods, so the interval of their
    difference is narrower than their own intervals would have it; two methods
    whose intervals overlap may yet differ beyond doubt (Smucker et al. 2007,
    "A comparison of statistical significance tests for information retrieval
    evaluation").

    >>> hits = np.array([1.0, 0.0, 1.0, 1.0])
    >>> paired_difference(hits, hits, np.arange(4))
    Difference(mean=0.0, low=0.0, high=0.0, p=1.0)

    Args:
      first: float [queries], such as a figure of `query_figures`.
      second: float [queries], the same figure of the other method.
      users: Any sortable key, [queries].
      samples: How often is drawn, at least 1.
      seed: Of the draws.
      level: Of the interval.

    Raises:
      ValueError: The two are not of the same queries.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape:
        raise ValueError(
            f"figures of {first.shape} and {second.shape} queries cannot be "
            "paired"
        )
    gap = first - second
    means = bootstrap_means(gap, users, samples=samples, seed=seed)
    low, high = interval(means, level)
    # One more draw, on the side of no difference: p is never 0.
    side = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    return Difference(
        mean=float(np.mean(gap)) if len(gap) else float("nan"),
        low=low,
        high=high,
        p=min(1.0, 2.0 * (int(side) + 1) / (samples + 1)),
    )
