"""Gives the items that a user is recommended their reasons as texts."""

import collections
import dataclasses

from applications.copywriting.copywriter import Copywriter, Text
from applications.copywriting.reasons import Why, why_shown
from applications.items import Item, ItemTable
from applications.shop import Shop
from schema.errors import DataError
from serving.requests import Only, Page, Request


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explained:
    """An item, why it is shown, and what is told.

    Attributes:
      item: Which.
      why: As the servable found it out.
      text: What the user reads.
    """

    item: Item
    why: Why
    text: Text


def explain(
    shop: Shop,
    request: Request,
    items: ItemTable,
    copywriter: Copywriter,
    *,
    k: int,
    item_id: str = "",
) -> list[Explained]:
    """Recommends items and says why.

    Args:
      shop: Which recommends.
      request: The user.
      items: The shop's.
      copywriter: Writes the texts.
      k: How many items.
      item_id: Only this one, wherever it would stand; any if empty.

    Raises:
      DataError: The servable refuses, or gives none of its reasons.
    """
    only = Only(item_ids=[item_id]) if item_id else Only()
    found = shop.recommend(request, k, only, Page(explain=True))
    if found and not any(one.reason for one in found):
        raise DataError(
            "the model gives no reasons (output `reasons`); an earlier "
            "version of Daogou exported it: run the pipeline again"
        )
    events = collections.defaultdict(list)
    for seen, event in zip(
        request.history_item_ids, request.history_event_types, strict=True
    ):
        events[seen].append(event)
    known = items.find([*(one.item_id for one in found), *events])
    explained = []
    for one in found:
        if (item := known.get(one.item_id)) is None:
            continue
        why = why_shown(
            item, one.reason, one.evidence, events=events, items=known
        )
        text = copywriter.reason(item, why)
        explained.append(Explained(item=item, why=why, text=text))
    return explained
