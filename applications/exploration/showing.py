"""A page with marks: which slot explores, and why that item."""

import dataclasses

import numpy as np
import pyarrow as pa

from applications.exploration.asking import ask_candidates
from applications.exploration.evidence import Evidence
from applications.exploration.reranking import rerank
from applications.exploration.settings import ExplorationSettings
from serving.in_process import Recommender
from serving.requests import EVERYTHING, Only, Request

# What shoppers read beside an item.
MARKS = {"new": "新品", "tail": "小众好物"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExploredSlot:
    """An item on a page.

    Attributes:
      slot: From 1.
      item_id: Which.
      title: As people read it; may be empty.
      group: `new`, `tail` or `head`.
      explored: Whether the slot is for exploration.
      shown: Impressions in the log so far.
      clicked: Those that led to a click.
      expected: Of its click rate, if it is explored.
      deviation: How unsure that is, as a standard deviation.
      drawn: What it was chosen by: by Thompson sampling a click rate.
    """

    slot: int
    item_id: str
    title: str
    group: str
    explored: bool
    shown: int
    clicked: int
    expected: float | None = None
    deviation: float | None = None
    drawn: float | None = None

    @property
    def mark(self) -> str:
        """What shoppers read of it; empty where the model chose it."""
        return MARKS.get(self.group, "") if self.explored else ""


def explored_page(
    model: Recommender,
    request: Request,
    evidence: Evidence,
    items: pa.Table,
    settings: ExplorationSettings,
    *,
    only: Only = EVERYTHING,
) -> tuple[ExploredSlot, ...]:
    """Asks for a user's page and tells why each item is on it.

    Args:
      model: The servable.
      request: The user, as of now.
      evidence: Of all items, as of the request.
      items: As `shop_items.read_items` returns, in the rows of `evidence`.
      settings: Of exploration; its seed decides what is drawn.
      only: What alone may be on the page.

    Raises:
      DataError: The servable refuses.
    """
    candidates = ask_candidates(model, request, evidence, settings, only)
    page = rerank(candidates, settings, np.random.default_rng(settings.seed))
    new = evidence.new(settings.few_choices)
    tail = evidence.tail(settings.few_choices)
    titles = items["title"].fill_null("")
    beliefs = candidates.beliefs
    slots = []
    for number, (row, place) in enumerate(
        zip(page.items.tolist(), page.place.tolist(), strict=True), start=1
    ):
        told = {}
        if place >= 0:
            told = {
                "expected": float(beliefs.mean[place]),
                "deviation": float(beliefs.deviation[place]),
                "drawn": float(page.drawn[number - 1]),
            }
        slots.append(
            ExploredSlot(
                slot=number,
                item_id=str(evidence.item_ids[row]),
                title=titles[row].as_py(),
                group="new" if new[row] else "tail" if tail[row] else "head",
                explored=place >= 0,
                shown=int(evidence.shown[row]),
                clicked=int(evidence.clicked[row]),
                **told,
            )
        )
    return tuple(slots)
