"""Finds the two things that a question compares."""

import dataclasses
import re
from collections.abc import Iterator

from applications.assistant.amounts import NO_LIMIT
from applications.assistant.finding import Finder
from applications.assistant.slots import Slots, read_slots
from applications.assistant.vocabulary import Match, Vocabulary
from applications.items import Item, ItemTable
from serving.requests import Request

_BETWEEN = re.compile(r"还是|对比|相比|vs\.?|或者|和|跟|与|、|比")
_ID = re.compile(r"[a-z0-9_\-]+", re.ASCII)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two items beside each other.

    Attributes:
      left: What came first in the question.
      right: The other.
      others: More of the same kinds, in turn.
    """

    left: Item
    right: Item
    others: tuple[Item, ...] = ()


class Comparer:
    """Finds one item for each side."""

    def __init__(
        self, finder: Finder, items: ItemTable, vocabulary: Vocabulary
    ):
        """Takes what finds an item."""
        self._finder = finder
        self._items = items
        self._vocabulary = vocabulary

    def compare(
        self, question: str, request: Request, k: int
    ) -> Comparison | None:
        """Finds two items to compare.

        Args:
          question: Folded.
          request: The customer, without a query.
          k: How many items in all, at least 2.

        Returns:
          None where the question does not name two things that the shop has.
        """
        if named := self._by_id(question):
            return named
        sides = self._sides(question)
        if sides is None:
            return None
        whole = read_slots(question, self._vocabulary)
        shared = whole.kind.categories if whole.kind else ()
        found = []
        for side in sides:
            own = side.kind
            surely = own is not None and own.match.sure
            asked = dataclasses.replace(
                side,
                text=side.text if surely else f"{side.text} {_word(whole)}",
                # A price limits both; what is the better bargain, neither.
                prices=whole.prices if whole.prices else NO_LIMIT,
            )
            found.append(
                self._finder.find(
                    asked, request, k, () if surely else shared
                ).items
            )
        left, right = ([*items] for items in found)
        if not (left and right):
            return None
        right = [i for i in right if i.item_id != left[0].item_id]
        if not right:
            return None
        seen = {left[0].item_id, right[0].item_id}
        others = [
            item
            for pair in zip(left[1:], right[1:], strict=False)
            for item in pair
            if item.item_id not in seen
        ]
        return Comparison(
            left=left[0], right=right[0], others=tuple(others[: k - 2])
        )

    def _by_id(self, question: str) -> Comparison | None:
        ids = list(dict.fromkeys(_ID.findall(question)))
        known = self._items.find(ids)
        named = [known[name] for name in ids if name in known]
        if len(named) < 2:
            return None
        return Comparison(left=named[0], right=named[1])

    def _sides(self, question: str) -> tuple[Slots, Slots] | None:
        """Cuts the question where both parts name something, and not the same.

        The first such cut counts.
        """
        for left, right in self._cuts(question):
            sides = tuple(
                read_slots(part, self._vocabulary) for part in (left, right)
            )
            names = [self._names(slots) for slots in sides]
            if names[0] and names[1] and names[0] != names[1]:
                return sides[0], sides[1]
        return None

    def _cuts(self, question: str) -> Iterator[tuple[str, str]]:
        for match in _BETWEEN.finditer(question):
            yield question[: match.start()], question[match.end() :]
        # 红茶绿茶选哪个: no word between.
        marks = [*self._vocabulary.find_kinds(question)]
        starts = [m.start for m in marks if m.match == Match.WHOLE]
        brands = [b.start for b in self._vocabulary.find_brands(question)]
        for start in (*brands[1:], *starts[1:]):
            yield question[:start], question[start:]

    def _names(self, slots: Slots) -> frozenset[str]:
        """Returns what a part of a question names."""
        categories = slots.kind.categories if slots.kind else ()
        attributes = self._vocabulary.find_attributes(
            slots.text, categories or self._vocabulary.categories
        )
        return frozenset(
            [
                *(brand.name for brand in slots.brands),
                *(mention.word for mention in slots.kinds),
                *(one.word for one in attributes),
            ]
        )


def _word(slots: Slots) -> str:
    return slots.kind.word if slots.kind else ""
