"""Puts a page together: the model's items, and slots to explore in."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.exploration.settings import ExplorationSettings
from applications.exploration.thompson import Beliefs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Candidates:
    """What may be on a page; items as numbers, each once.

    Attributes:
      items: int64 [model], the model's, best first.
      scores: float [model], theirs.
      novelty: float [model], 0 to 1, see `Evidence.novelty`.
      explored: int64 [pool], items to explore; some may be among `items`.
      beliefs: Of click rates, [pool].
    """

    items: NDArray[np.int64]
    scores: NDArray[np.floating]
    novelty: NDArray[np.floating]
    explored: NDArray[np.int64]
    beliefs: Beliefs


@dataclasses.dataclass(frozen=True)
class ExploredPage:
    """A page; arrays [slots], the first slot first.

    Attributes:
      items: int64, each once.
      place: int64, where in the pool an item that is explored stands; -1 for
        an item of the model's.
      drawn: float64, what an explored item was chosen by; NaN otherwise.
    """

    items: NDArray[np.int64]
    place: NDArray[np.int64]
    drawn: NDArray[np.float64]


def explored_slots(page: int, count: int) -> NDArray[np.int64]:
    """Returns which slots explore: the last of as many even parts of a page.

    >>> explored_slots(10, 2).tolist(), explored_slots(10, 3).tolist()
    ([4, 9], [2, 5, 9])
    """
    return (np.arange(1, count + 1) * page) // max(count, 1) - 1


def rerank(
    candidates: Candidates,
    settings: ExplorationSettings,
    rng: np.random.Generator,
) -> ExploredPage:
    """Fills a page.

    The model's items come in the order of score + boost * novelty. What is
    explored is chosen of the pool without those that the page has anyway; where
    the pool is too small, the model fills the slots, and where the model has
    too few items, the page is shorter.

    Args:
      candidates: What may be on the page.
      settings: Quota, boost and policy.
      rng: Where draws come from.
    """
    boosted = candidates.scores + settings.boost * candidates.novelty
    order = candidates.items[np.argsort(-boosted, kind="stable")]
    wanted = settings.slots
    kept = order[: settings.page - wanted]
    key = _key(candidates.beliefs, settings.policy, rng)
    key = np.where(np.isin(candidates.explored, kept), -np.inf, key)
    best = np.argsort(-key, kind="stable")[:wanted]
    best = best[key[best] > -np.inf]
    chosen = candidates.explored[best]
    rest = order[~np.isin(order, chosen)][: settings.page - len(chosen)]
    size = len(rest) + len(chosen)
    explores = np.zeros(size, bool)
    explores[explored_slots(size, len(chosen))] = True
    items, place = np.empty(size, np.int64), np.full(size, -1)
    drawn = np.full(size, np.nan)
    items[~explores], items[explores] = rest, chosen
    place[explores], drawn[explores] = best, key[best]
    return ExploredPage(items, place, drawn)


def _key(beliefs, policy, rng):
    if policy == "thompson":
        return beliefs.draw(rng)
    if policy == "greedy":
        return beliefs.mean
    return rng.random(beliefs.clicks.shape)
