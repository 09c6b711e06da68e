"""Finds what goes with something that a customer has.

A question may name what is wanted (配什么壳) or leave it open
(还需要什么); then the kinds are those that customers chose beside it.
"""

import dataclasses
import re

from applications.assistant.finding import Finder, Result
from applications.assistant.relations import Relations
from applications.assistant.slots import Slots
from applications.assistant.vocabulary import Match, Mention
from applications.items import Item
from schema.contract import CATEGORY_SEPARATOR
from serving.requests import Request

# Open questions: what is wanted is not named.
_OPEN = re.compile(
    r"(?:什么|啥|哪些|点什么|些什么|东西|配件|装备|耗材)(?:好|吗|呢|呀)?[?？]?$"
)
# Says that the kind before or behind is there already.
_OWNED = re.compile(r"买了|有了|买好|入手|我的|家里|养了|新|刚|提了|之外|除了")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accessories:
    """What goes with something.

    Attributes:
      owned: The kind that the customer has, as the question says it; empty
        where it names none.
      result: The items.
      kinds: Last levels of the categories that customers chose beside it;
        empty where the question says what is wanted.
    """

    owned: str
    result: Result
    kinds: tuple[str, ...] = ()


class AccessoryFinder:
    """Finds accessories of one shop."""

    def __init__(self, finder: Finder, relations: Relations):
        """Takes what finds items, and what goes with what."""
        self._finder = finder
        self._relations = relations

    def find(
        self, question: str, slots: Slots, request: Request, k: int
    ) -> Accessories:
        """Finds accessories.

        Args:
          question: Folded.
          slots: Of it.
          request: The customer, without a query.
          k: How many items at most.
        """
        owned, wanted = split_kinds(question, slots)
        if wanted:
            # 存储卡 may be of a camera, 保护套 of a tablet: the whole question
            # is searched, among the kinds that are wanted.
            categories = tuple(
                dict.fromkeys(c for m in wanted for c in m.categories)
            )
            result = self._finder.find(slots, request, k, categories)
            return Accessories(owned=_words(owned), result=result)
        if owned:
            return self._beside(owned, slots, request, k)
        return Accessories(
            owned="", result=self._finder.find(slots, request, k)
        )

    def _beside(
        self,
        owned: list[Mention],
        slots: Slots,
        request: Request,
        k: int,
    ) -> Accessories:
        has = list(dict.fromkeys(c for m in owned for c in m.categories))
        items: list[Item] = []
        related = self._relations.beside(has, k)
        for category in related:
            leaf = category.rpartition(CATEGORY_SEPARATOR)[2]
            asked = dataclasses.replace(slots, text=leaf, brands=())
            items += self._finder.find(asked, request, 1, [category]).items
        kinds = tuple(dict.fromkeys(item.leaf for item in items))
        return Accessories(
            owned=_words(owned),
            result=Result(items=tuple(items[:k]), categories=tuple(related)),
            kinds=kinds,
        )


def split_kinds(
    question: str, slots: Slots
) -> tuple[list[Mention], list[Mention]]:
    """Tells what a customer has from what is wanted with it.

    Args:
      question: Folded.
      slots: Of it.

    Returns:
      The kinds that are there, and those that are wanted.
    """
    kinds = [m for m in slots.kinds if m.match >= Match.LEVEL]
    begun = [m for m in slots.kinds if m.match == Match.BEGINNING]
    if not kinds:
        return ([], []) if not _OPEN.search(question) else (begun, [])
    is_open = bool(_OPEN.search(question))
    first = [m for m in kinds if set(m.categories) & set(kinds[0].categories)]
    others = [m for m in kinds if m not in first]
    if others:
        # 帐篷睡袋之外还要什么: all of them are there.
        behind = max(m.end for m in others)
        told = slots.text[behind:]
        if is_open and _OWNED.search(told):
            return kinds, []
        return first, others
    if is_open or not begun:
        owned = is_open or _OWNED.search(question)
        return (first, []) if owned else ([], first)
    return begun, first


def _words(mentions: list[Mention]) -> str:
    return "、".join(dict.fromkeys(m.word for m in mentions))
