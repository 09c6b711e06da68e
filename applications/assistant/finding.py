"""Finds the items that a question asks for, through the servable's search.

The vocabulary says which categories and brands are meant and the limits go
into the search itself, so that every slot is filled as long as items fit.
Where it says nothing, the search by meaning decides: the category that most
of its first answers are of. Items that have the attributes that were named
come first. Where nothing fits, limits are let go one by one, and told.
"""

import collections
import dataclasses
from collections.abc import Sequence

from applications.assistant.amounts import NO_LIMIT, Prices
from applications.assistant.slots import Slots
from applications.assistant.vocabulary import Match, Vocabulary
from applications.copywriting.facts import normal
from applications.items import Item, ItemTable
from applications.shop import Shop
from serving.requests import Only, Request

# Answers among which attributes are looked for, and a category is voted on.
_POOL = 20
_VOTERS = 10
# Of the votes: what a category needs to be meant alone.
_MAJORITY = 0.4
# What the beginning of a name adds to the votes, of at most 1 + 1/2 + ….
_FOR_BEGINNING = 0.5
# Cheap is up to, good from, this share of a category's prices.
_CHEAP, _DEAR = 0.5, 0.6
BRAND, PRICE = "brand", "price"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What was found.

    Attributes:
      items: Best first.
      categories: That were meant; empty where any.
      brands: That alone were let through.
      prices: Limits that were kept.
      let_go: Of `brand` and `price`, what nothing fitted.
    """

    items: tuple[Item, ...]
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    prices: Prices = NO_LIMIT
    let_go: tuple[str, ...] = ()


class Finder:
    """Finds items of one shop."""

    def __init__(self, shop: Shop, items: ItemTable, vocabulary: Vocabulary):
        """Takes a shop, its items and its words."""
        self._shop = shop
        self._items = items
        self._vocabulary = vocabulary

    def find(
        self,
        slots: Slots,
        request: Request,
        k: int,
        categories: Sequence[str] = (),
    ) -> Result:
        """Finds items.

        Args:
          slots: What is wanted.
          request: The customer, without a query.
          k: How many at most.
          categories: Where to look, if that is known; what `slots` name
            otherwise.
        """
        query = " ".join(filter(None, [slots.text, slots.whom]))
        request = dataclasses.replace(request, query=query)
        meant = tuple(categories) or self._meant(slots, request)
        brands = self._wanted_brands(slots, meant)
        prices = self._limits(slots.prices, meant)
        tries = [
            (brands, prices, ()),
            (brands, NO_LIMIT, (PRICE,)),
            ((), prices, (BRAND,)),
            ((), NO_LIMIT, (BRAND, PRICE)),
        ]
        for brands_now, prices_now, let_go in tries:
            if (BRAND in let_go and not brands) or (
                PRICE in let_go and not prices
            ):
                continue
            found = self._search(request, meant, brands_now, prices_now)
            if found:
                # A wish without a number is no limit that people miss.
                missed = [
                    name for name in let_go if name != PRICE or slots.prices
                ]
                return Result(
                    items=tuple(self._by_attributes(found, slots, meant)[:k]),
                    categories=meant,
                    brands=brands_now,
                    prices=prices_now if slots.prices else NO_LIMIT,
                    let_go=tuple(missed),
                )
        return Result(items=(), categories=meant)

    def _search(
        self,
        request: Request,
        categories: Sequence[str],
        brands: Sequence[str],
        prices: Prices,
    ) -> list[Item]:
        only = Only(
            categories=list(categories),
            brands=list(brands),
            min_price=prices.low,
            max_price=prices.high,
        )
        found = self._shop.search(request, _POOL, only)
        known = self._items.find(one.item_id for one in found)
        return [known[f.item_id] for f in found if f.item_id in known]

    def _meant(self, slots: Slots, request: Request) -> tuple[str, ...]:
        """Returns the categories that are meant."""
        kind = slots.kind
        if kind is not None and kind.match.sure:
            return _for_whom(kind.categories, slots.whom)
        voters = self._search(request, (), (), NO_LIMIT)[:_VOTERS]
        votes: dict[str, float] = collections.defaultdict(float)
        for place, item in enumerate(voters, start=1):
            votes[item.category] += 1 / place
        total = sum(votes.values())
        for mention in slots.kinds:
            for category in mention.categories:
                if category in votes:
                    votes[category] += _FOR_BEGINNING
        if not votes:
            return ()
        first, *others = sorted(votes, key=lambda c: -votes[c])
        if votes[first] >= _MAJORITY * total or not others:
            return (first,)
        return (first, others[0])

    def _wanted_brands(
        self, slots: Slots, categories: Sequence[str]
    ) -> tuple[str, ...]:
        """Returns the brands that are asked for, where the shop has them."""
        there = self._vocabulary.brands_of(
            categories or self._vocabulary.categories
        )
        return tuple(
            brand.name for brand in slots.brands if brand.name in there
        )

    def _limits(self, prices: Prices, categories: Sequence[str]) -> Prices:
        """Makes numbers of a wish for something cheap, or good."""
        if not prices.wish:
            return prices
        share = _CHEAP if prices.wish == "low" else _DEAR
        bound = self._vocabulary.price_at(categories, share)
        if bound is None:
            return NO_LIMIT
        return Prices(high=bound) if prices.wish == "low" else Prices(low=bound)

    def _by_attributes(
        self, items: list[Item], slots: Slots, categories: Sequence[str]
    ) -> list[Item]:
        """Puts those first that have most of what was named."""
        text = normal(slots.text)
        named = self._vocabulary.find_attributes(
            f"{text} {slots.whom}",
            categories or {item.category for item in items},
        )
        kinds = [m.word for m in slots.kinds if m.match == Match.WHOLE]

        def has(item: Item) -> int:
            tags = {one.start for one in named if one.name in item.tags}
            title = normal(item.title)
            return len(tags) + sum(word in title for word in kinds)

        # Sorting is stable: among equals the search's order stays.
        return sorted(items, key=lambda item: -has(item))


def _for_whom(categories: tuple[str, ...], whom: str) -> tuple[str, ...]:
    """Keeps those of the right sex, where some are made for one."""
    for sex in "男女":
        theirs = tuple(c for c in categories if sex in c)
        if sex in whom and theirs:
            return theirs
    return categories
