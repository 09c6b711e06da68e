"""What is usual in a shop, against which a shopper's choices are held."""

import dataclasses
import functools

import numpy as np
import pyarrow as pa
import scipy.sparse

from applications.profile import themes
from applications.profile.sensitive import without_sensitive
from applications.profile.settings import DAY, ProfileSettings
from applications.shop_log import CODE, ShopLog
from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError

# What an event on an item counts as a choice of its kind.
WEIGHTS = {"view": 1.0, "click": 1.0, "favorite": 1.5, "cart": 1.5, "buy": 2.0}


@dataclasses.dataclass(frozen=True)
class Choices:
    """What users chose: in a visit each item once, by its deepest event.

    Attributes:
      event: int64 [choices], row of the log's events, ascending by user.
      user: int64 [choices].
      item: int64 [choices].
      weight: float64 [choices], by type of event and age.
    """

    event: np.ndarray
    user: np.ndarray
    item: np.ndarray
    weight: np.ndarray


class Shop:
    """A log as of a time, without what is sensitive."""

    def __init__(self, log: ShopLog, as_of: int, settings: ProfileSettings):
        """Counts what is usual.

        Args:
          log: May reach beyond `as_of`, which changes nothing.
          as_of: Unix seconds.
          settings: How choices are counted.

        Raises:
          DataError: Nothing happened before.
        """
        # Names of users who were there: without sensitive events some have
        # none left, and that must not show.
        self.known = set(log.before(as_of).events.users.to_pylist())
        if not self.known:
            raise DataError(f"no event of the log lies before {as_of}")
        self.log = without_sensitive(log.before(as_of))
        self.as_of, self.settings = as_of, settings
        self.rows = {
            name: row
            for row, name in enumerate(self.log.events.users.to_pylist())
        }
        self.choices = _choices(self.log, as_of, settings)
        self.titles = self.log.items["title"].to_pylist()

    @functools.cached_property
    def categories(self) -> tuple[np.ndarray, list[str]]:
        """Category of each item, cut to a few levels; -1 for none."""
        levels = self.settings.category_levels
        cut = [
            CATEGORY_SEPARATOR.join(path.split(CATEGORY_SEPARATOR)[:levels])
            for path in self.log.items["category"].to_pylist()
        ]
        return _coded(cut)

    @functools.cached_property
    def brands(self) -> tuple[np.ndarray, list[str]]:
        """Brand of each item; -1 for none."""
        return _coded(self.log.items["brand"].to_pylist())

    @functools.cached_property
    def leaves(self) -> tuple[np.ndarray, list[str]]:
        """Whole category path of each item; -1 for none."""
        return _coded(self.log.items["category"].to_pylist())

    @functools.cached_property
    def theme_members(self) -> np.ndarray:
        """What belongs to what, bool [leaves, themes]."""
        return themes.members(pa.array(self.leaves[1], pa.string()))

    def usual(self, kinds: tuple[np.ndarray, list[str]]) -> np.ndarray:
        """Returns each kind's share of all users' choices, each user alike.

        Args:
          kinds: As `categories` has them.
        """
        codes, names = kinds
        code = codes[self.choices.item]
        chosen = code >= 0
        user, weight = self.choices.user[chosen], self.choices.weight[chosen]
        totals = np.bincount(user, weight, minlength=self.log.num_users)
        share = weight / np.maximum(totals[user], 1e-12)
        counts = np.bincount(code[chosen], share, minlength=len(names))
        return counts / max(counts.sum(), 1e-12)

    @functools.cached_property
    def base(self) -> dict[str, np.ndarray]:
        """What is usual of categories and leaves."""
        return {
            name: self.usual(getattr(self, name))
            for name in ("categories", "leaves")
        }

    def usual_brands(self, items: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Returns the brands of somebody usual who is after the same goods.

        Whoever looks for phones looks at brands of phones, and has no
        favourite by that; so brands are compared within leaf categories.

        Args:
          items: int64 [choices], what was chosen.
          weight: float64 [choices].

        Returns:
          float64 [brands], shares that sum to 1, or zeros.
        """
        leaf = self.leaves[0][items]
        known = (leaf >= 0) & (self.brands[0][items] >= 0)
        counts = np.bincount(
            leaf[known], weight[known], minlength=len(self.leaves[1])
        )
        shares = np.asarray(self._brands_of_leaves.T @ counts)
        return shares / max(shares.sum(), 1e-12)

    @functools.cached_property
    def _brands_of_leaves(self) -> scipy.sparse.csr_array:
        """Shares of brands in the choices of each leaf, [leaves, brands]."""
        leaf = self.leaves[0][self.choices.item]
        brand = self.brands[0][self.choices.item]
        known = (leaf >= 0) & (brand >= 0)
        counts = scipy.sparse.coo_array(
            (self.choices.weight[known], (leaf[known], brand[known])),
            shape=(len(self.leaves[1]), len(self.brands[1])),
        ).tocsr()
        total = np.maximum(counts.sum(axis=1), 1e-12)
        return scipy.sparse.diags_array(1 / total) @ counts

    @functools.cached_property
    def price_places(self) -> np.ndarray:
        """Place of each price in its category, float64 [items], 0 to 1.

        Among what is chosen in its leaf category, so that the average choice
        is at 0.5; NaN where the price or others to compare with are unknown.
        """
        price = self.log.items["price"].to_numpy()
        codes, names = self.leaves
        chosen = np.bincount(self.choices.item, minlength=len(price))
        places = np.full(len(price), np.nan)
        for leaf in range(len(names)):
            rows = np.flatnonzero((codes == leaf) & ~np.isnan(price))
            order = rows[np.argsort(price[rows], kind="stable")]
            # Each price counts once and once more for each choice.
            weight = 1.0 + chosen[order]
            if len(order) < 3:
                continue
            _, tie = np.unique(price[order], return_inverse=True)
            total = np.bincount(tie, weight)
            below = np.cumsum(total) - total / 2
            places[order] = (below / total.sum())[tie]
        return places

    @functools.cached_property
    def campaign_share(self) -> float:
        """Share of visits with a campaign's page."""
        seen = self.log.is_type("campaign_view", "campaign_join")
        visits = len(np.unique(self.log.visit))
        return len(np.unique(self.log.visit[seen])) / max(visits, 1)


def _choices(log: ShopLog, as_of: int, settings: ProfileSettings) -> Choices:
    events = log.events
    event = np.flatnonzero(log.is_type(*WEIGHTS))
    by_code = np.zeros(max(CODE.values()) + 1)
    for name, weight in WEIGHTS.items():
        by_code[CODE[name]] = weight
    strength = by_code[events.type[event]]
    # The deepest of each item in each visit; of equals the latest.
    order = np.lexsort((event, strength, events.item[event], log.visit[event]))
    visit, item = log.visit[event][order], events.item[event][order]
    last = np.ones(len(order), bool)
    last[:-1] = (visit[1:] != visit[:-1]) | (item[1:] != item[:-1])
    kept = np.sort(event[order[last]])
    age = (as_of - events.timestamp[kept]) / DAY
    return Choices(
        event=kept,
        user=events.user[kept],
        item=events.item[kept],
        weight=by_code[events.type[kept]]
        * 0.5 ** (age / settings.half_life_days),
    )


def _coded(names: list[str]) -> tuple[np.ndarray, list[str]]:
    known = sorted({name for name in names if name})
    row = {name: code for code, name in enumerate(known)}
    return np.array([row.get(name, -1) for name in names], np.int64), known
