"""Random numbers, one stream for each purpose and day."""

import zlib

import numpy as np


def generator(seed: int, purpose: str, day: int = 0) -> np.random.Generator:
    """Returns the stream of one purpose on one day.

    Streams do not touch each other, so that a change in one part of the mall
    leaves the others as they were.

    Args:
      seed: `MallSettings.seed`.
      purpose: What the numbers are for.
      day: Day of the simulation, 0 being the first.

    >>> a = generator(7, "tastes", 3).integers(1000)
    >>> bool(a == generator(7, "tastes", 3).integers(1000))
    True
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode()), day])


def choose_by_weight(
    rng: np.random.Generator, cumulative: np.ndarray, low, high
) -> np.ndarray:
    """Draws rows from ranges of one weighted list.

    Args:
      rng: Where the numbers come from.
      cumulative: float64 [n + 1], running sum of the weights, from 0.
      low: int [...], first row of each range.
      high: int [...], row after the last; the range must have weight.

    Returns:
      int64 [...], rows with low <= row < high, each with the chance of its
      share of the weight in its range.
    """
    start, end = cumulative[low], cumulative[high]
    at = start + rng.random(np.shape(start)) * (end - start)
    rows = np.searchsorted(cumulative, at, side="right") - 1
    return np.clip(rows, low, np.asarray(high) - 1)
