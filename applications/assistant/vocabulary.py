"""The words of a shop: its brands, its kinds of items, their attributes.

All of them come from the item table, so that another shop has another
vocabulary and nothing is named that it does not sell.
"""

import collections
import dataclasses
import enum
import re
from collections.abc import Iterable

import numpy as np

from applications.copywriting.facts import normal
from applications.copywriting.naming import product_name
from applications.items import Item
from schema.contract import CATEGORY_SEPARATOR

_LONGEST = 10
_SHORTEST = 2
# A number and what it counts: 75寸 asks for 75英寸, 1t for 1TB.
_MEASURE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+|[\u4e00-\u9fff]{0,2})")


class Match(enum.IntEnum):
    """How surely a word names a kind of item."""

    BEGINNING = 1
    # Of the path above: 外设 of 电脑/外设/鼠标.
    LEVEL = 2
    END = 3
    WHOLE = 4

    @property
    def sure(self) -> bool:
        """Says whether it is enough to look nowhere else."""
        return self >= Match.END


@dataclasses.dataclass(frozen=True)
class Mention:
    """A kind of item that a text names.

    Attributes:
      start: Where it begins.
      word: The word.
      categories: What it may mean, the likeliest first.
      match: How surely.
    """

    start: int
    word: str
    categories: tuple[str, ...]
    match: Match

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.word)


@dataclasses.dataclass(frozen=True)
class Named:
    """A brand or an attribute that a text names.

    Attributes:
      start: Where it begins.
      word: As the text has it.
      name: As the item table has it.
    """

    start: int
    word: str
    name: str

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.word)


class Vocabulary:
    """What the words of a shop mean."""

    def __init__(self, items: Iterable[Item]):
        """Reads the words out of the items, those in stock or not."""
        brands: dict[str, str] = {}
        tags: dict[str, set[str]] = collections.defaultdict(set)
        names: dict[str, collections.Counter] = collections.defaultdict(
            collections.Counter
        )
        levels: dict[str, collections.Counter] = collections.defaultdict(
            collections.Counter
        )
        prices = collections.defaultdict(list)
        self._brands_of = collections.defaultdict(set)
        self._tags_of = collections.defaultdict(set)
        for item in items:
            if item.brand:
                brands[normal(item.brand)] = item.brand
                self._brands_of[item.category].add(item.brand)
            for tag in item.tags:
                tags[normal(tag)].add(tag)
                self._tags_of[item.category].add(tag)
            if item.category:
                for name in (product_name(item), item.leaf):
                    if name:
                        names[normal(name)][item.category] += 1
                *above, _ = item.category.split(CATEGORY_SEPARATOR)
                for level in above:
                    levels[normal(level)][item.category] += 1
                if item.price is not None:
                    prices[item.category].append(item.price)
        self._brands = _by_length(brands)
        self._tags = {word: min(found) for word, found in tags.items()}
        self._kinds = _with_parts(names, levels)
        self._prices = {c: np.sort(p) for c, p in prices.items()}

    @property
    def categories(self) -> frozenset[str]:
        """Every category that an item is of."""
        return frozenset(self._tags_of) | frozenset(self._prices)

    def brands_of(self, categories: Iterable[str]) -> set[str]:
        """Returns the brands that some categories have."""
        return set().union(*(self._brands_of[c] for c in categories))

    def price_at(self, categories: Iterable[str], share: float) -> float | None:
        """Returns the price that a share of the items do not exceed.

        Args:
          categories: Of which items.
          share: 0 to 1.

        Returns:
          CNY; None where no price is known.
        """
        known = [self._prices[c] for c in categories if c in self._prices]
        if not known:
            return None
        return float(np.quantile(np.concatenate(known), share))

    def find_brands(self, text: str) -> list[Named]:
        """Lists the brands that a text names, the longest where they meet."""
        found: list[Named] = []
        taken = np.zeros(len(text), bool)
        for word, name in self._brands.items():
            start = text.find(word)
            while start >= 0:
                end = start + len(word)
                if not taken[start:end].any() and _is_word(text, start, end):
                    found.append(Named(start, word, name))
                    taken[start:end] = True
                start = text.find(word, end)
        return sorted(found, key=lambda one: one.start)

    def find_kinds(self, text: str) -> list[Mention]:
        """Lists the kinds of items that a text names, in its order."""
        found, start = [], 0
        while start < len(text):
            mention = self._kind_at(text, start)
            if mention is None:
                start += 1
                continue
            found.append(mention)
            start = mention.end
        return found

    def find_attributes(
        self, text: str, categories: Iterable[str]
    ) -> list[Named]:
        """Lists attributes of some categories that a text names.

        A text names one where it has the word, its beginning or its end of
        two characters or more, or its number with the same measure.
        """
        found = []
        tags = set().union(*(self._tags_of[c] for c in categories))
        for tag in sorted(tags, key=lambda tag: (-len(tag), tag)):
            if (named := _attribute_in(text, tag)) is not None:
                found.append(named)
        return sorted(found, key=lambda one: (one.start, -len(one.word)))

    def _kind_at(self, text: str, start: int) -> Mention | None:
        for size in range(min(_LONGEST, len(text) - start), 0, -1):
            word = text[start : start + size]
            if (known := self._kinds.get(word)) is not None:
                match, categories = known
                return Mention(start, word, categories, match)
        return None


def _by_length(words: dict[str, str]) -> dict[str, str]:
    return {
        word: words[word] for word in sorted(words, key=lambda w: (-len(w), w))
    }


def _with_parts(
    names: dict[str, collections.Counter],
    levels: dict[str, collections.Counter],
) -> dict[str, tuple[Match, tuple[str, ...]]]:
    """Adds beginnings and ends of names, each with what it may mean."""
    found: dict[tuple[str, Match], collections.Counter] = (
        collections.defaultdict(collections.Counter)
    )
    for name, categories in names.items():
        found[name, Match.WHOLE].update(categories)
        for size in range(_SHORTEST, len(name)):
            found[name[-size:], Match.END].update(categories)
            found[name[:size], Match.BEGINNING].update(categories)
    for level, categories in levels.items():
        if len(level) >= _SHORTEST:
            found[level, Match.LEVEL].update(categories)
    best: dict[str, tuple[Match, tuple[str, ...]]] = {}
    for (word, match), counts in found.items():
        if word not in best or match > best[word][0]:
            best[word] = match, tuple(c for c, _ in counts.most_common())
    return best


def _is_word(text: str, start: int, end: int) -> bool:
    """Says whether a Latin word ends where the match does."""

    def joined(left: str, right: str) -> bool:
        return all(s.isascii() and s.isalnum() for s in (left, right))

    before = start > 0 and joined(text[start - 1], text[start])
    behind = end < len(text) and joined(text[end - 1], text[end])
    return not (before or behind)


def _attribute_in(text: str, tag: str) -> Named | None:
    word = normal(tag)
    if (start := text.find(word)) >= 0 and _is_word(
        text, start, start + len(word)
    ):
        return Named(start, word, tag)
    if measure := _MEASURE.match(word):
        if (named := _measure_in(text, tag, measure)) is not None:
            return named
        # 不锈钢 asks for 304不锈钢 as well, 米 for nothing.
        word = word[measure.end(1) :]
        if len(word) <= _SHORTEST or word[0].isascii():
            return None
        start = text.find(word)
        return Named(start, word, tag) if start >= 0 else None
    for size in range(len(word) - 1, _SHORTEST - 1, -1):
        for part in (word[:size], word[-size:]):
            if (start := text.find(part)) >= 0 and _is_word(
                text, start, start + size
            ):
                return Named(start, part, tag)
    return None


def _measure_in(text: str, tag: str, measure: re.Match) -> Named | None:
    """Finds the tag's number with a part of its measure."""
    amount, unit = measure.groups()
    for match in _MEASURE.finditer(text):
        if match.group(1) != amount:
            continue
        said = match.group(2)
        # 75寸 and 75英寸, 1t and 1tb; 304的 and 304不锈钢.
        common = [n for n in range(len(said), 0, -1) if said[:n] in unit]
        size = common[0] if common else 0
        if size or not unit or len(amount) >= 3:
            word = match.group()[: len(match.group(1)) + size]
            return Named(match.start(), word, tag)
    return None
