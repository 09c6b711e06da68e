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
    """What is believed of how users would click; arrays of one shape.

    An item's click rate has a Beta distribution; a user's is it times `scale`.

    Attributes:
      clicks: float64, above 0, clicks seen and believed in before.
      misses: float64, above 0, the same of impressions without a click.
      scale: float64, above 0.
    """

    clicks: NDArray[np.float64]
    misses: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Expected click rates of the user."""
        return self.scale * self.clicks / (self.clicks + self.misses)

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviations, how unsure each is."""
        total = self.clicks + self.misses
        share = self.clicks / total
        return self.scale * np.sqrt(share * (1 - share) / (total + 1))

    def draw(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draws a click rate of the user for each."""
        return self.scale * rng.beta(self.clicks, self.misses)


def believe(
    chances: NDArray[np.floating],
    expected: NDArray[np.floating],
    shown: NDArray[np.integer],
    clicked: NDArray[np.integer],
    strength: float,
) -> Beliefs:
    """Joins what the ranking head says with what was seen.

    What was seen is of other users than the one who is asked for, whom the
    head tells apart. So the clicks of an item only say how it compares with
    what was expected of its impressions: its rate is Beta(strength * expected
    + clicks, strength * (1 - expected) + misses), and the user's is that times
    chance / expected. An item that does as expected keeps the user's chance,
    however often it was shown.

    >>> beliefs = believe(
    ...     chances=np.array([0.5]),
    ...     expected=np.array([0.25]),
    ...     shown=np.array([12]),
    ...     clicked=np.array([5]),
    ...     strength=8.0,
    ... )
    >>> beliefs.clicks.tolist(), beliefs.misses.tolist()
    ([7.0], [13.0])
    >>> beliefs.mean.tolist()  # 7 of 20 where 5 of 20 were expected
    [0.7]

    Args:
      chances: The head's chance of a click by the user, 0 to 1.
      expected: Chance that was expected of the item's impressions, 0 to 1.
      shown: Impressions.
      clicked: Those that led to a click.
      strength: How many impressions the prior is worth, above 0.

    Raises:
      ValueError: More was clicked than shown.
    """
    if (clicked > shown).any():
        raise ValueError("more clicks than impressions")
    prior = np.clip(np.asarray(expected, np.float64), _LEAST, 1 - _LEAST)
    clicks = strength * prior + clicked
    misses = strength * (1 - prior) + shown - clicked
    scale = np.maximum(np.asarray(chances, np.float64), _LEAST) / prior
    return Beliefs(*np.broadcast_arrays(clicks, misses, scale))
