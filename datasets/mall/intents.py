"""What a session is after, and how that moves from page to page."""

import dataclasses

import numpy as np

from datasets.mall.catalogue import Catalogue
from datasets.mall.exposure import Shelf
from datasets.mall.relevance import Intent, taste_logit
from datasets.mall.shoppers import Shoppers, Tastes

_CONTINUE_DAYS = 6
_CONTINUE, _AGAIN = 0.35, 0.7
# Chances on the next page: stay with the leaf, or go on to what follows it.
_STAY, _FOLLOW = 0.28, 0.42
_STAY_BOUGHT, _FOLLOW_BOUGHT = 0.05, 0.7
# A click on another leaf than the wanted one wins the session over.
_WON_OVER = 0.6
_ANCHORS = 4
# Lasting things that a shopper is known to have.
OWNED = 8


@dataclasses.dataclass(kw_only=True)
class Memory:
    """What lasts from one session of a shopper to the next; arrays [users].

    Attributes:
      leaf: Leaf that the last session was after, -1 for none.
      satisfied: Whether it was put into the cart or bought.
      day: Day of the last session.
      again_item: Consumable that runs out, -1 for none.
      again_day: Day from which it is wanted again.
      owned: Bought items that last, [users, OWNED], -1 padded.
      left_day: Day after which they never came back, -1 for who still comes.
    """

    leaf: np.ndarray
    satisfied: np.ndarray
    day: np.ndarray
    again_item: np.ndarray
    again_day: np.ndarray
    owned: np.ndarray
    left_day: np.ndarray

    @classmethod
    def empty(cls, count: int) -> "Memory":
        """Returns the memory before the first day."""
        return cls(
            leaf=np.full(count, -1),
            satisfied=np.zeros(count, bool),
            day=np.full(count, -(10**6)),
            again_item=np.full(count, -1),
            again_day=np.zeros(count, np.int64),
            owned=np.full((count, OWNED), -1),
            left_day=np.full(count, -1),
        )


class Minds:
    """Draws intents on one day."""

    def __init__(
        self,
        catalogue: Catalogue,
        shoppers: Shoppers,
        tastes: Tastes,
        seasons: np.ndarray,
        shelf: Shelf,
    ):
        """Takes the state of the day; see `relevance` for `seasons`."""
        self._catalogue = catalogue
        self._shoppers = shoppers
        self._tastes = tastes
        self._seasons = seasons
        self._shelf = shelf
        weight = np.array([leaf.weight for leaf in catalogue.leaves], float)
        self._by_season = np.concatenate(
            [[0.0], np.cumsum(weight * np.exp(seasons))]
        )

    def _from_taste(self, rng, users):
        """Draws a leaf out of each shopper's interests, or of the season."""
        strengths = self._tastes.strengths[users]
        leaves = self._tastes.leaves[users]
        pull = 1.1 * strengths + 0.5 * self._seasons[leaves]
        anything = np.full((len(users), 1), 1.6)
        pull = np.concatenate([pull, anything], axis=1)
        column = (pull + rng.gumbel(size=pull.shape)).argmax(1)
        last = self._by_season.size - 1
        at = rng.random(len(users)) * self._by_season[-1]
        other = np.searchsorted(self._by_season, at, side="right") - 1
        other = np.minimum(other, last - 1)
        taken = np.concatenate([leaves, other[:, None]], axis=1)
        return taken[np.arange(len(users)), column]

    def _following(self, rng, leaf, otherwise):
        table = self._catalogue.follow_ups
        known = (table[leaf] >= 0).sum(1)
        column = np.floor(rng.random(len(leaf)) * np.maximum(known, 1))
        follow = table[leaf, column.astype(np.int64)]
        return np.where(follow >= 0, follow, otherwise)

    def _refine(self, rng, users, leaf):
        """Chooses attribute and brand: those of an item that pleases."""
        drawn = self._shelf.in_leaf(rng, np.repeat(leaf[:, None], _ANCHORS, 1))
        logit = taste_logit(
            users,
            drawn,
            catalogue=self._catalogue,
            shoppers=self._shoppers,
            tastes=self._tastes,
            seasons=self._seasons,
        )
        anchor = drawn[np.arange(len(users)), logit.argmax(1)]
        options = self._catalogue.options[anchor]
        column = (rng.random(options.shape) + (options >= 0)).argmax(1)
        option = options[np.arange(len(users)), column]
        picky = rng.random((2, len(users)))
        return Intent(
            leaf=leaf,
            option=np.where(picky[0] < 0.7, option, -1),
            offer=np.where(picky[1] < 0.45, self._catalogue.offer[anchor], -1),
        )

    def first(self, rng, users, memory: Memory, day: int) -> Intent:
        """Draws what sessions begin with.

        A shopper who did not find it goes on looking; one who did looks for
        what follows; who has used up something buys it again.

        Args:
          rng: Where the numbers come from.
          users: int [sessions], rows of shoppers.
          memory: What they did before.
          day: Day of the simulation.
        """
        leaf = self._from_taste(rng, users)
        before = memory.leaf[users]
        recent = (before >= 0) & (day - memory.day[users] <= _CONTINUE_DAYS)
        follow = self._following(rng, np.maximum(before, 0), leaf)
        going_on = np.where(memory.satisfied[users], follow, before)
        on = recent & (rng.random(len(users)) < _CONTINUE)
        leaf = np.where(on, going_on, leaf)
        item = memory.again_item[users]
        due = (item >= 0) & (memory.again_day[users] <= day)
        due &= rng.random(len(users)) < _AGAIN
        leaf = np.where(due, self._catalogue.leaf[item], leaf)
        return self._refine(rng, users, leaf)

    def move(self, rng, users, intent, clicked_leaf, bought):
        """Draws what sessions are after on the next page.

        Args:
          rng: Where the numbers come from.
          users: int [sessions], rows of shoppers.
          intent: What they were after.
          clicked_leaf: int [sessions], leaf of the page's last click, or -1.
          bought: bool [sessions], whether something was bought or put into
            the cart on the page.

        Returns:
          The new intent, and bool [sessions], whether the leaf is another.
        """
        won = (clicked_leaf >= 0) & (rng.random(len(users)) < _WON_OVER)
        leaf = np.where(won, clicked_leaf, intent.leaf)
        follow = self._following(rng, leaf, leaf)
        other = self._from_taste(rng, users)
        at = rng.random(len(users))
        stay = np.where(bought, _STAY_BOUGHT, _STAY)
        go = stay + np.where(bought, _FOLLOW_BOUGHT, _FOLLOW)
        moved = np.where(at < stay, leaf, np.where(at < go, follow, other))
        changed = moved != intent.leaf
        new = self._refine(rng, users, moved)
        return Intent(
            leaf=moved,
            option=np.where(changed, new.option, intent.option),
            offer=np.where(changed, new.offer, intent.offer),
        ), changed
