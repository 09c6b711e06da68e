"""Who comes to the mall on a day, and when; and who stops coming."""

import numpy as np

from datasets.mall.randomness import generator
from datasets.mall.settings import DAY_SECONDS, MallSettings
from datasets.mall.shoppers import Shoppers

# Visits by hour of the local day: lunch, and the evening above all. None
# begins before 2, so that none meets one that began before midnight.
_HOURS = np.array(
    [0, 0, 3, 1, 1, 2, 6, 14, 22, 30, 36, 36,
     46, 42, 34, 32, 33, 36, 40, 52, 68, 76, 62, 30],
    float,
)  # fmt: skip
_WEEKDAYS = (0.92, 0.92, 0.95, 0.97, 1.02, 1.18, 1.14)
_FESTIVAL = 1.35
# Sessions of one shopper begin at least this far apart, and are shorter.
GAP_SECONDS = 5400
# Of the chance to leave, for those whose last visit gave them what they sought.
_SATISFIED_LEAVES = 0.25


def draw_visits(
    settings: MallSettings,
    shoppers: Shoppers,
    day: int,
    festival: bool,
    gone: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws the sessions of a day.

    Args:
      settings: Seed and mean number of sessions.
      shoppers: Those registered before the day may come; bots do not.
      day: Day of the simulation.
      festival: Whether there is one, which draws people.
      gone: bool [users], who does not come any more.

    Returns:
      int64 [sessions] rows of shoppers, ascending, and int64 [sessions]
      when they begin, Unix seconds, ascending for each shopper. Those of one
      shopper begin GAP_SECONDS or more apart.
    """
    rng = generator(settings.seed, "visits", day)
    start = settings.day_start(day)
    rate = settings.sessions_per_user_day * shoppers.activity
    rate *= _WEEKDAYS[settings.date(day).weekday()]
    rate *= _FESTIVAL if festival else 1.0
    rate *= (shoppers.registered_at < start) & ~shoppers.is_bot & ~gone
    users = np.repeat(np.arange(len(shoppers)), rng.poisson(rate))
    hour = rng.choice(24, len(users), p=_HOURS / _HOURS.sum())
    begins = start + hour * 3600 + rng.integers(3600, size=len(users))
    order = np.lexsort((begins, users))
    users, begins = users[order], begins[order]
    # The n-th session of a shopper, for n = 1, 2, …: after the one before.
    first = np.searchsorted(users, users)
    rank = np.arange(len(users)) - first
    for n in range(1, rank.max(initial=0) + 1):
        rows = np.flatnonzero(rank == n)
        begins[rows] = np.maximum(begins[rows], begins[rows - 1] + GAP_SECONDS)
    today = begins < start + DAY_SECONDS
    return users[today], begins[today]


def draw_leavers(
    settings: MallSettings, users: np.ndarray, satisfied: np.ndarray, day: int
) -> np.ndarray:
    """Draws who never comes back after a day.

    Args:
      settings: Seed and the chance of leaving.
      users: int64 [sessions], rows of shoppers who came that day.
      satisfied: bool [users], whether the last visit ended in a cart or an
        order.
      day: Day of the simulation.

    Returns:
      int64 [leavers], rows of shoppers; none where nobody leaves.
    """
    came = np.unique(users)
    rng = generator(settings.seed, "leaving", day)
    chance = np.where(satisfied[came], _SATISFIED_LEAVES, 1.0)
    return came[rng.random(len(came)) < settings.leaving * chance]
