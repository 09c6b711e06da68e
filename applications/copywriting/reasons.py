"""Why an item is shown, as the servable found it out, and what may be said."""

import dataclasses
from collections.abc import Mapping, Sequence

from applications.copywriting.facts import (
    BOUGHT,
    SEEN,
    Facts,
    item_facts,
    shared_facts,
    stated,
)
from applications.copywriting.naming import headline
from applications.items import Item

AGAIN = "again"
# What may be said besides, by reason.
_SAID = {
    "popular": ("近来许多人选择", "热门商品", "热门"),
    "unseen": ("还少有人发现", "还少有人发现的商品"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Why:
    """The reason of one item for one user.

    Attributes:
      kind: `history`, `again` (the item itself is in the history), `search`,
        `popular`, `unseen` or `general`.
      done: What the user did with the item of the history, in Chinese.
      other: The item of the history; None without one.
      query: The search; empty without one.
    """

    kind: str
    done: str = ""
    other: Item | None = None
    query: str = ""


def why_shown(
    item: Item,
    reason: str,
    evidence: str,
    *,
    events: Mapping[str, Sequence[str]],
    items: Mapping[str, Item],
) -> Why:
    """Reads one item's `reasons` and `evidence` of the servable.

    Args:
      item: What is shown.
      reason: The servable's word.
      evidence: Item of the history, or search.
      events: What the user did with each item of the history.
      items: Those of the history that the item table has.
    """
    if reason == "search":
        return Why(kind=reason, query=evidence)
    if reason != "history":
        return Why(kind=reason if reason in _SAID else "general")
    deepest = next(
        (said for event, said in BOUGHT.items() if event in events[evidence]),
        SEEN,
    )
    if evidence == item.item_id:
        return Why(kind=AGAIN, done=deepest)
    return Why(kind=reason, done=deepest, other=items.get(evidence))


def reason_facts(
    item: Item, why: Why, brands: frozenset[str] = frozenset()
) -> Facts:
    """Returns what may be said of an item and of why it is there."""
    facts = item_facts(item, brands) | stated(*_SAID.get(why.kind, ()))
    if why.done:
        facts |= stated(f"{why.done}过")
    if why.query:
        facts |= stated(quotes=[why.query])
    if why.other is not None:
        names = {why.other.title, headline(why.other)} - {""}
        facts |= stated(quotes=names) | shared_facts(item, why.other)
        # A brand in a quote is named, not praised.
        facts |= Facts(brands=frozenset({why.other.brand} - {""}))
    return facts
