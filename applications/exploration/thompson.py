"""How good may an item be? A draw from what is believed of its click rate.

Thompson sampling (Thompson 1933; Chapelle, Li 2011, "An empirical evaluation
of Thompson sampling"): an item is tried as often as it may be the best. What
was shown little is believed to be anything, so it is drawn high now and then;
what was shown often and clicked seldom hardly ever is.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-4


@dataclasses.dataclass(frozen=True)
class Beliefs:
    """Beta distributions of click rates; arrays of one shape.

    Attributes:
      clicks: float64, above 0, clicks seen and believed in before.
      misses: float64, above 0, the same of impressions without a click.
    """

    clicks: NDArray[np.float64]
    misses: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Expected click rates."""
        return self.clicks / (self.clicks + self.misses)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviations, how unsure each is."""
        total = self.clicks + self.misses
        return np.sqrt(self.mean * (1 - self.mean) / (total + 1))

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draws a click rate for each."""
        return rng.beta(self.clicks, self.misses)


def believe(
    chances: NDArray[np.floating],
    shown: NDArray[np.integer],
    clicked: NDArray[np.integer],
    strength: float,
) -> Beliefs:
    """Joins what the ranking head says with what was seen.

    The prior is worth `strength` impressions of which the head's share was
    clicked: Beta(strength * p + clicks, strength * (1 - p) + misses).

    >>> beliefs = believe(np.array([0.25]), np.array([12]), np.array([5]), 8.0)
    >>> beliefs.clicks.tolist(), beliefs.misses.tolist()
    ([7.0], [13.0])
    >>> beliefs.mean.tolist()
    [0.35]

    Args:
      chances: The head's chance of a click, 0 to 1.
      shown: Impressions.
      clicked: Those that led to a click.
      strength: Of the prior, above 0.

    Raises:
      ValueError: More was clicked than shown.
    """
    if (clicked > shown).any():
        raise ValueError("more clicks than impressions")
    prior = np.clip(np.asarray(chances, np.float64), _LEAST, 1 - _LEAST)
    return Beliefs(
        strength * prior + clicked, strength * (1 - prior) + shown - clicked
    )
