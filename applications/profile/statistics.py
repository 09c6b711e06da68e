"""How sure a habit or a favourite is, in a few formulas."""

import math

import numpy as np

_DRAWS = 2000


def above_usual(
    counts: np.ndarray, base: np.ndarray, prior: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compares shares with what is usual, with a prior that is the usual.

    Log-odds ratios with an informative Dirichlet prior (Monroe et al. 2008,
    "Fightin' words", section 3.3): with little seen they are near 0 and
    unsure.

    Args:
      counts: float64 [kinds], of one user.
      base: float64 [kinds], everybody's shares; they sum to 1.
      prior: How many of the usual choices are mixed in.

    Returns:
      How many times the usual each share is, and the confidence, 0 to 1, that
      it is above the usual; both float64 [kinds]. A kind that nobody chose
      has 1 and 0.
    """
    total = counts.sum() + prior
    mixed = counts + prior * base
    rest = np.maximum(total - mixed, 1e-9)
    there = (base > 0) & (base < 1)
    safe = np.where(there, base, 0.5)
    odds = np.where(there, np.log(np.maximum(mixed, 1e-9) / rest), 0.0)
    gap = odds - np.where(there, np.log(safe / (1 - safe)), 0.0)
    spread = np.sqrt(1 / np.maximum(mixed, 1e-9) + 1 / rest)
    times = np.where(there, mixed / total / safe, 1.0)
    return times, np.where(there, normal(gap / spread), 0.0)


def normal(z: np.ndarray) -> np.ndarray:
    """Returns the chance that a standard normal is below z.

    >>> normal(np.array([0.0])).tolist()
    [0.5]
    """
    return 0.5 * (1 + np.vectorize(math.erf, otypes=[float])(z / math.sqrt(2)))


def chance_of_largest(counts: np.ndarray) -> float:
    """Returns how sure it is that the kind seen most is the likeliest.

    By draws from the posterior of shares (uniform prior), always the same.

    >>> chance_of_largest(np.array([40.0, 1.0, 1.0])) > 0.99
    True
    >>> chance_of_largest(np.array([1.0, 0.0])) < 0.8
    True
    """
    draws = np.random.default_rng(0).dirichlet(counts + 1, _DRAWS)
    return float((draws.argmax(1) == counts.argmax()).mean())


def band_chances(
    places: np.ndarray,
    weights: np.ndarray,
    edges: tuple[float, float],
    prior: float,
) -> tuple[float, np.ndarray]:
    """Returns a mean place, and how likely it is low, middle, high.

    Args:
      places: float64 [choices], 0 (cheapest of its kind) to 1.
      weights: float64 [choices], above 0.
      edges: Between low and middle, and middle and high.
      prior: How many choices at 0.5 are mixed in.

    Returns:
      The mean, mixed with the prior, and float64 [3] that sums to 1.
    """
    total = weights.sum() + prior
    mean = (weights @ places + prior * 0.5) / total
    # Places of one shopper are spread nearly as widely as all (1/12).
    spread = math.sqrt(1 / 12 / total)
    below = normal((np.array(edges) - mean) / spread)
    return float(mean), np.diff(np.concatenate([[0.0], below, [1.0]]))
