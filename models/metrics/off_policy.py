"""What another policy would have earned, told from what was logged.

A log knows rewards only of what the policy of that day has shown. Each is
weighed by how much more or less likely another policy would have shown it:
inverse propensity scoring (Horvitz and Thompson 1952). The propensity is the
chance that an item was chosen, where the policy draws (exploration, an A/B
test), or that a slot is looked at, where two orders of one page are compared
(Joachims et al. 2017, "Unbiased Learning-to-Rank with Biased Feedback"); the
latter holds as far as clicks depend on the slot through that chance alone.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.metrics.intervals import interval

_SAMPLES = 500
_SMALLEST = 1e-6


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A value, and how far it may be trusted.

    Attributes:
      value: Mean reward of an impression.
      low: Lower end of the 95 % interval, by bootstrap over users.
      high: Upper end.
      effective_samples: (Σw)² / Σw², at most the number of impressions; a
        small one says that few impressions decide.
      largest_weight: Of an impression.
    """

    value: float
    low: float
    high: float
    effective_samples: float
    largest_weight: float


def ips(
    rewards: ArrayLike,
    logged: ArrayLike,
    other: ArrayLike,
    users: ArrayLike,
    *,
    clip: float = np.inf,
    seed: int = 0,
) -> Estimate:
    """Estimates the mean reward under another policy, without bias.

    Args:
      rewards: float [n], of each impression.
      logged: float [n], its propensity as it was shown, above 0.
      other: float [n], its propensity under the other policy.
      users: Any sortable key, [n].
      clip: Largest weight; smaller ones vary less and have a bias.
      seed: Of the bootstrap.

    Raises:
      ValueError: A propensity that was logged is not above 0.

    >>> ips([1, 0], [0.5, 1.0], [1.0, 0.5], ["a", "b"]).value
    1.0
    """
    rewards, weights = _weighed(rewards, logged, other, clip)
    gained = rewards * weights
    return _estimate(gained, np.ones_like(gained), weights, users, seed)


def snips(
    rewards: ArrayLike,
    logged: ArrayLike,
    other: ArrayLike,
    users: ArrayLike,
    *,
    clip: float = np.inf,
    seed: int = 0,
) -> Estimate:
    """Estimates the same by a mean weighted by the weights.

    It varies less and stays between the rewards that were seen (Swaminathan
    and Joachims 2015). For chances of being chosen only: their weights
    average one in truth, those of slots do not.

    Args:
      rewards: float [n], of each impression.
      logged: float [n], its propensity as it was shown, above 0.
      other: float [n], its propensity under the other policy.
      users: Any sortable key, [n].
      clip: Largest weight.
      seed: Of the bootstrap.

    Raises:
      ValueError: A propensity that was logged is not above 0.

    >>> snips([1, 0], [0.5, 1.0], [1.0, 0.5], ["a", "b"]).value
    0.8
    """
    rewards, weights = _weighed(rewards, logged, other, clip)
    return _estimate(rewards * weights, weights, weights, users, seed)


def position_bias(
    clicks: ArrayLike,
    positions: ArrayLike,
    groups: ArrayLike,
    *,
    rounds: int = 100,
) -> NDArray[np.float64]:
    """Tells the chance that a slot is looked at from the log alone.

    The position-based model, a click is a look times an attraction, fitted
    by expectation maximisation (Wang et al. 2018, "Position Bias Estimation
    for Unbiased Learning to Rank in Personal Search"). What tells looks from
    attraction is the same group in several slots.

    Args:
      clicks: 0 or 1, [n].
      positions: int [n], from 0; each up to the largest must occur.
      groups: Any sortable key, [n]: impressions that are equally attractive,
        such as an item in a scene.
      rounds: Of the fit.

    Returns:
      float64 [positions], the first 1.

    Raises:
      ValueError: A position up to the largest does not occur.
    """
    clicks = np.asarray(clicks, np.float64)
    positions = np.asarray(positions, np.int64)
    shown = np.bincount(positions).astype(np.float64)
    if not shown.all():
        missing = int(np.flatnonzero(shown == 0)[0])
        raise ValueError(f"no impression has position {missing}")
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    of_group = np.bincount(group).astype(np.float64)
    look = np.bincount(positions, clicks) / shown
    look = np.maximum(look / look.max(), _SMALLEST)
    pull = np.full(len(of_group), max(float(clicks.mean()), _SMALLEST))
    for _ in range(rounds):
        seen, liked = look[positions], pull[group]
        none = np.maximum(1 - seen * liked, _SMALLEST)
        looked = np.where(clicks > 0, 1.0, seen * (1 - liked) / none)
        pleased = np.where(clicks > 0, 1.0, liked * (1 - seen) / none)
        look = np.bincount(positions, looked) / shown
        pull = np.bincount(group, pleased) / of_group
    return look / look[0]


def _weighed(rewards, logged, other, clip):
    rewards = np.asarray(rewards, np.float64)
    logged = np.asarray(logged, np.float64)
    if not (logged > 0).all():
        raise ValueError(
            f"a logged propensity is {logged.min()}; allowed: above 0"
        )
    weights = np.minimum(np.asarray(other, np.float64) / logged, clip)
    return rewards, weights


def _estimate(gained, counted, weights, users, seed):
    _, user = np.unique(np.asarray(users), return_inverse=True)
    num_users = int(user.max()) + 1
    by_user = np.bincount(user, gained, num_users)
    of_user = np.bincount(user, counted, num_users)
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, num_users, (_SAMPLES, num_users))
    means = by_user[draws].sum(1) / of_user[draws].sum(1)
    low, high = interval(means)
    return Estimate(
        value=float(gained.sum() / counted.sum()),
        low=low,
        high=high,
        effective_samples=float(weights.sum() ** 2 / (weights**2).sum()),
        largest_weight=float(weights.max()),
    )
