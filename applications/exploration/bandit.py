"""Days of exploring new items: who finds the good ones, and what it costs.

Each day visitors come who are drawn from the pages of a log, and explored slots
are filled for each. Clicks are drawn by the truth of a simulated mall, which
no policy sees; what a day has shown counts from the next day on, as it does in
a log. Regret is what the best items for each visitor would have been clicked
more, in expectation.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.exploration.thompson import believe
from models.metrics import intervals
from schema.settings import Settings

# `head` is the ranking head alone, which learns nothing from the days.
POLICIES = ("thompson", "greedy", "random", "head")
_BEST_SHARE = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class BanditSettings(Settings):
    """How long is played.

    Attributes:
      days: At least 1.
      visits: A day, at least 1.
      slots: Explored on each visit, at least 1.
      worlds: How often it is played, each time with other visitors and other
        luck, the same for all policies; at least 2.
      prior_strength: See `ExplorationSettings`; above 0.
      seed: At least 0.
    """

    days: int = 21
    visits: int = 1000
    slots: int = 2
    worlds: int = 20
    prior_strength: float = 100.0
    seed: int = 0

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A value is not allowed.
        """
        for field, low in (
            ("days", 1),
            ("visits", 1),
            ("slots", 1),
            ("worlds", 2),
            ("seed", 0),
        ):
            self.check(field, getattr(self, field) >= low, f"at least {low}")
        self.check("prior_strength", self.prior_strength > 0, "above 0")


def simulate(
    chances: NDArray[np.floating],
    truth: NDArray[np.floating],
    settings: BanditSettings,
) -> dict:
    """Plays all policies in the same worlds.

    Args:
      chances: [pages, items], what the ranking head says of new items.
      truth: [pages, items], chance of a click.
      settings: How long.

    Returns:
      For each policy `regret` (cumulative expected clicks, by day) with the
      95 % `interval` of the last day over worlds, `clicks`, and
      `best_share` (share of the showings that go to the best tenth of the
      items, by day); and `leads` of thompson over the others: how much less
      regret, mean and interval.

    Raises:
      ValueError: The shapes differ, or there are fewer items than slots.
    """
    if chances.shape != truth.shape or chances.shape[1] < settings.slots:
        raise ValueError(
            f"chances {chances.shape} and truth {truth.shape} do not go "
            f"together with {settings.slots} slots"
        )
    regret = np.zeros((len(POLICIES), settings.worlds, settings.days))
    best = np.zeros(regret.shape)
    clicks = np.zeros(regret.shape[:2])
    for world in range(settings.worlds):
        for number, policy in enumerate(POLICIES):
            played = _play(policy, chances, truth, settings, world)
            regret[number, world], best[number, world] = played[:2]
            clicks[number, world] = played[2]
    total = regret.cumsum(2)
    found: dict = {
        policy: {
            "regret": total[number].mean(0).tolist(),
            "interval": list(_interval(total[number, :, -1], settings.seed)),
            "clicks": float(clicks[number].mean()),
            "best_share": best[number].mean(0).tolist(),
        }
        for number, policy in enumerate(POLICIES)
    }
    ours = total[POLICIES.index("thompson"), :, -1]
    leads = {}
    for number, policy in enumerate(POLICIES):
        if policy != "thompson":
            less = intervals.paired_difference(
                total[number, :, -1], ours, np.arange(settings.worlds)
            )
            leads[policy] = {
                "mean": less.mean,
                "interval": [less.low, less.high],
            }
    return {"policies": found, "leads": leads}


def _interval(values, seed):
    return intervals.interval(
        intervals.bootstrap_means(values, np.arange(len(values)), seed=seed)
    )


def _play(policy, chances, truth, settings, world):
    """Returns regret and share of the best items by day, and all clicks."""
    visitors = np.random.default_rng([settings.seed, world])
    rng = np.random.default_rng(
        [settings.seed, world, 1 + POLICIES.index(policy)]
    )
    items = truth.shape[1]
    good = np.argsort(-truth.mean(0))[: max(1, int(items * _BEST_SHARE))]
    shown, clicked = np.zeros(items, np.int64), np.zeros(items, np.int64)
    # What the head expected of all that was shown, one showing each before.
    said = chances.mean(0).astype(np.float64)
    regret, best, clicks = [], [], 0
    for _ in range(settings.days):
        pages = visitors.integers(0, len(truth), settings.visits)
        luck = visitors.random((settings.visits, settings.slots))
        key = _key(
            policy,
            chances[pages],
            believe(
                np.ones(items),
                said / (shown + 1),
                shown,
                clicked,
                settings.prior_strength,
            ),
            rng,
        )
        chosen = np.argpartition(-key, settings.slots - 1, axis=1)
        chosen = chosen[:, : settings.slots]
        worth = np.take_along_axis(truth[pages], chosen, axis=1)
        most = -np.partition(-truth[pages], settings.slots - 1, axis=1)
        regret.append(most[:, : settings.slots].sum() - worth.sum())
        best.append(np.isin(chosen, good).mean())
        hits = luck < worth
        shown += np.bincount(chosen.ravel(), minlength=items)
        told = np.take_along_axis(chances[pages], chosen, axis=1)
        said += np.bincount(chosen.ravel(), told.ravel(), minlength=items)
        clicked += np.bincount(chosen[hits], minlength=items)
        clicks += int(hits.sum())
    return np.array(regret), np.array(best), clicks


def _key(policy, chances, beliefs, rng):
    """Returns by what items are chosen, float64 [visits, items].

    The beliefs are of a user whose chance is 1, so that one is asked for all.
    """
    if policy == "random":
        return rng.random(chances.shape)
    if policy == "head":
        return chances
    if policy == "greedy":
        return chances * beliefs.mean
    rates = rng.beta(beliefs.clicks, beliefs.misses, chances.shape)
    return chances * beliefs.scale * rates
