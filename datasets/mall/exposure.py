"""What the mall shows: a page of items for a shopper, by scene."""

import dataclasses

import numpy as np

from datasets.mall.campaigns import Campaigns
from datasets.mall.catalogue import Catalogue
from datasets.mall.randomness import choose_by_weight
from datasets.mall.relevance import Intent
from datasets.mall.settings import DAY_SECONDS, MallSettings

SCENES = ("home", "search", "category", "campaign")
_SOURCES = (
    "intent",
    "sibling",
    "taste",
    "popular",
    "random",
    "fresh",
    "campaign",
)
# Where the slots of each scene come from; rows as SCENES, columns as above.
_MIX = np.array(
    [
        [0.24, 0.06, 0.30, 0.14, 0.12, 0.14, 0.00],
        [0.95, 0.05, 0.00, 0.00, 0.00, 0.00, 0.00],
        [0.90, 0.10, 0.00, 0.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 0.20, 0.05, 0.00, 0.00, 0.75],
    ]
)
# Days for which an item counts as new, and how much more it is shown.
FRESH_DAYS = 3
_FRESH_BOOST = 8.0
# How far search results follow brand and attribute of what is wanted.
_BRAND_MATCH, _OPTION_MATCH, _GOOD = 1.6, 1.0, 0.3
_BOUGHT_BEFORE = 5.0
# Items that are drawn for each slot: some come twice, some match better.
_POOL = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pages:
    """Pages that are asked for; arrays [pages].

    Attributes:
      users: Rows of shoppers.
      scene: Rows of SCENES.
      interests: int [pages, interests], leaves that the mall knows of.
      strengths: float [pages, interests], how strong they are.
      intent: What the sessions are after.
      campaign: Campaign of the page, -1 for none.
      bought_before: An item to be bought again, shown where its leaf is
        wanted; -1 for none.
    """

    users: np.ndarray
    scene: np.ndarray
    interests: np.ndarray
    strengths: np.ndarray
    intent: Intent
    campaign: np.ndarray
    bought_before: np.ndarray


class Shelf:
    """What can be shown on one day, with the weights of showing it."""

    def __init__(
        self,
        settings: MallSettings,
        catalogue: Catalogue,
        campaigns: Campaigns,
        day: int,
    ):
        """Takes what was listed before the day began.

        Args:
          settings: Page size and days.
          catalogue: All items.
          campaigns: All campaigns.
          day: Day of the simulation.
        """
        self.catalogue = catalogue
        self.page_size = settings.page_size
        start = settings.day_start(day)
        listed = catalogue.listed_at < start
        fresh = listed & (
            catalogue.listed_at >= start - FRESH_DAYS * DAY_SECONDS
        )
        weight = catalogue.popularity * listed
        weight = np.where(fresh, _FRESH_BOOST * weight, weight)
        self._by_weight = np.concatenate([[0.0], np.cumsum(weight)])
        self._listed = np.flatnonzero(listed)
        self._fresh = np.flatnonzero(fresh)
        parent = catalogue.parent
        self._parent_low = np.searchsorted(parent, parent)
        self._parent_high = np.searchsorted(parent, parent, side="right")

        # The best campaign of each item today; ties go to the first.
        running = campaigns.running(day)
        self.campaigns = running
        offers = campaigns.covers[running] * campaigns.discount[running, None]
        self.discount = np.zeros(len(catalogue))
        self.campaign = np.full(len(catalogue), -1)
        if len(running):
            best = offers.argmax(0)
            self.discount = offers.max(0)
            self.campaign = np.where(self.discount > 0, running[best], -1)
        self._in_campaign = {
            int(c): np.flatnonzero(campaigns.covers[c] & listed)
            for c in running
        }
        self._weight = weight

    def in_leaf(self, rng, leaf):
        """Draws one item for each leaf, int [...], by weight."""
        first = self.catalogue.first
        return choose_by_weight(
            rng, self._by_weight, first[leaf], first[leaf + 1]
        )

    def _popular(self, rng, shape):
        low = np.zeros(shape, np.int64)
        return choose_by_weight(
            rng, self._by_weight, low, low + len(self.catalogue)
        )

    def _sibling(self, rng, leaf):
        low, high = self._parent_low[leaf], self._parent_high[leaf]
        other = low + np.floor(rng.random(leaf.shape) * (high - low))
        return self.in_leaf(rng, other.astype(np.int64))

    def _of_campaign(self, rng, campaign):
        items = self._popular(rng, campaign.shape)
        for number, members in self._in_campaign.items():
            here = np.nonzero(campaign == number)
            if len(here[0]) and len(members):
                total = np.cumsum(self._weight[members])
                at = rng.random(len(here[0])) * total[-1]
                row = np.searchsorted(total, at, side="right")
                items[here] = members[np.minimum(row, len(members) - 1)]
        return items

    def _pool(self, rng, page):
        """Draws three times as many items as a page has slots."""
        shape = (len(page.users), _POOL * self.page_size)
        mix = np.cumsum(_MIX, axis=1)[page.scene]
        source = (mix[:, None, :] <= rng.random((*shape, 1))).sum(2)
        source = np.minimum(source, len(_SOURCES) - 1)
        pull = np.cumsum(np.exp(0.8 * page.strengths), axis=1)
        at = rng.random((*shape, 1)) * pull[:, None, -1:]
        column = np.minimum((pull[:, None, :] <= at).sum(2), pull.shape[1] - 1)
        liked = np.take_along_axis(page.interests, column, axis=1)
        wanted = np.broadcast_to(page.intent.leaf[:, None], shape)
        page_campaign = np.broadcast_to(page.campaign[:, None], shape)
        fresh = self._fresh if len(self._fresh) else self._listed
        by_source = (
            self.in_leaf(rng, wanted),
            self._sibling(rng, wanted),
            self.in_leaf(rng, liked),
            self._popular(rng, shape),
            self._listed[rng.integers(len(self._listed), size=shape)],
            fresh[rng.integers(len(fresh), size=shape)],
            self._of_campaign(rng, page_campaign),
        )
        return np.choose(source, by_source)

    def show(self, rng: np.random.Generator, page: Pages) -> np.ndarray:
        """Fills a page for each session.

        Args:
          rng: Where the numbers come from.
          page: For whom, and where in the mall.

        Returns:
          int64 [pages, page_size], distinct items in a row, then -1.
        """
        pool = self._pool(rng, page)
        intent = page.intent
        score = rng.gumbel(size=pool.shape)
        has = self.catalogue.options[pool] == intent.option[:, None, None]
        matched = _OPTION_MATCH * (has.any(2) & (intent.option >= 0)[:, None])
        matched = matched + _BRAND_MATCH * (
            self.catalogue.offer[pool] == intent.offer[:, None]
        )
        score += (page.scene == SCENES.index("search"))[:, None] * matched
        score += _GOOD * self.catalogue.quality[pool]
        again = page.bought_before >= 0
        again &= self.catalogue.leaf[page.bought_before] == intent.leaf
        pool[again, 0] = page.bought_before[again]
        score[again, 0] = _BOUGHT_BEFORE
        # Of an item that was drawn twice, the first in order of id counts.
        order = np.argsort(pool, axis=1, kind="stable")
        ordered = np.take_along_axis(pool, order, axis=1)
        twice = np.zeros(pool.shape, bool)
        repeated = ordered[:, 1:] == ordered[:, :-1]
        np.put_along_axis(twice, order[:, 1:], repeated, axis=1)
        score[twice] = -np.inf
        best = np.argsort(-score, axis=1, kind="stable")[:, : self.page_size]
        shown = np.take_along_axis(pool, best, axis=1)
        empty = np.isneginf(np.take_along_axis(score, best, axis=1))
        return np.where(empty, -1, shown)
