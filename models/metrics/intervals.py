"""How sure a figure is: confidence intervals by resampling users."""

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
