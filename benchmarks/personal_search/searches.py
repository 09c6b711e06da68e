"""Searches of a log, and what was chosen after each."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.shop_log import ShopLog

CHOICES = ("click", "favorite", "cart", "buy")


@dataclasses.dataclass(frozen=True)
class Searches:
    """Searches after which something was chosen.

    Attributes:
      user: int64 [n], rows of the log's users.
      session: Text objects [n].
      timestamp: int64 [n], Unix seconds.
      query: Text objects [n].
      chosen: Item ids of each, one or more.
    """

    user: NDArray[np.int64]
    session: NDArray[np.object_]
    timestamp: NDArray[np.int64]
    query: NDArray[np.object_]
    chosen: list[frozenset[str]]

    def __len__(self):
        return len(self.user)

    def take(self, rows: NDArray[np.int64]) -> "Searches":
        """Returns some searches."""
        return Searches(
            self.user[rows],
            self.session[rows],
            self.timestamp[rows],
            self.query[rows],
            [self.chosen[row] for row in rows],
        )


def find_searches(log: ShopLog, since: int) -> Searches:
    """Finds the searches at a time or later that led to a choice.

    A choice belongs to the latest search of its visit at an earlier second,
    if the event names no other query.

    Args:
      log: The events.
      since: Unix seconds.
    """
    events = log.events
    at = np.flatnonzero(
        log.is_type("search")
        & (events.query.codes > 0)
        & (events.timestamp >= since)
    )
    choices = np.flatnonzero(log.is_type(*CHOICES))
    place = np.searchsorted(at, choices) - 1
    search = at[np.maximum(place, 0)] if len(at) else np.zeros(0, np.int64)
    if not len(at):
        choices, place = choices[:0], place[:0]
    own = events.query.codes[choices]
    good = (place >= 0) & (log.visit[search] == log.visit[choices])
    good &= events.timestamp[choices] > events.timestamp[search]
    good &= (own == 0) | (own == events.query.codes[search])
    ids = np.asarray(log.items["item_id"].to_pylist(), object)
    chosen: dict[int, set[str]] = {}
    for row, item in zip(
        place[good], ids[events.item[choices[good]]], strict=True
    ):
        chosen.setdefault(int(row), set()).add(item)
    kept = np.array(sorted(chosen), np.int64)
    rows = at[kept]
    texts = np.asarray(events.query.texts.to_pylist(), object)
    sessions = np.asarray(events.session.texts.to_pylist(), object)
    return Searches(
        events.user[rows],
        sessions[events.session.codes[rows]],
        events.timestamp[rows],
        texts[events.query.codes[rows]],
        [frozenset(chosen[int(row)]) for row in kept],
    )
