"""Steps of users, and what was known of them at any second."""

import dataclasses
import functools

import numpy as np

from components.behavior_log.events import Events
from components.behavior_log.funnel import STEP_CODES


@dataclasses.dataclass(frozen=True)
class AsOf:
    """One stretch of a user's steps in each row, as known at some second.

    Attributes:
      first: int64 [rows], row in `Steps` of the oldest step.
      length: int64 [rows], how many steps, 0 for none.
      last_type: int64 [rows], how deep the last one had gone until then.
    """

    first: np.ndarray
    length: np.ndarray
    last_type: np.ndarray

    def take(self, rows: np.ndarray) -> "AsOf":
        """Returns some rows."""
        return AsOf(self.first[rows], self.length[rows], self.last_type[rows])


@dataclasses.dataclass(frozen=True)
class Steps:
    """Runs of a user's events on one item, in the order they began.

    A run is cut where the item or the session changes; impressions, searches
    and campaign events neither belong to one nor cut one.

    Attributes:
      events: Where the steps come from.
      event: int64 [step events], rows of `events`.
      run: int64 [step events], row of the step each belongs to.
      deepest: int64 [step events], deepest type of the run so far.
      begin: int64 [steps], row in `event` of the first event of each.
      end: int64 [steps], row in `event` behind the last one.
    """

    events: Events
    event: np.ndarray
    run: np.ndarray
    deepest: np.ndarray
    begin: np.ndarray
    end: np.ndarray

    @classmethod
    def of(cls, events: Events) -> "Steps":
        """Finds the steps of all users."""
        event = np.flatnonzero(np.isin(events.type, STEP_CODES))
        new = np.zeros(len(event), bool)
        new[:1] = True
        for of_event in (events.user, events.item, events.session.codes):
            value = of_event[event]
            new[1:] |= value[1:] != value[:-1]
        run = np.cumsum(new) - 1
        begin = np.flatnonzero(new)
        depths = len(STEP_CODES) + 1
        deepest = (
            np.maximum.accumulate(run * depths + events.type[event])
            - run * depths
            if len(event)
            else event
        )
        return cls(
            events=events,
            event=event,
            run=run,
            deepest=deepest,
            begin=begin,
            end=np.append(begin[1:], len(event))[: len(begin)],
        )

    @functools.cached_property
    def start_event(self) -> np.ndarray:
        """int64 [steps], row in `events` of the first event of each."""
        return self.event[self.begin]

    @functools.cached_property
    def user(self) -> np.ndarray:
        """int64 [steps]."""
        return self.events.user[self.start_event]

    @functools.cached_property
    def item(self) -> np.ndarray:
        """int64 [steps], rows of the catalogue."""
        return self.events.item[self.start_event]

    @functools.cached_property
    def timestamp(self) -> np.ndarray:
        """int64 [steps], when each began."""
        return self.events.timestamp[self.start_event]

    @functools.cached_property
    def query(self) -> np.ndarray:
        """int64 [steps], the search text that led to each."""
        return self.events.led_by[self.start_event]

    @functools.cached_property
    def final_type(self) -> np.ndarray:
        """int64 [steps], how deep each went in the end."""
        return self.deepest[self.end - 1]

    @functools.cached_property
    def first_of_user(self) -> np.ndarray:
        """int64 [users], row of each user's first step, if there is one."""
        return np.searchsorted(self.user, np.arange(len(self.events.users)))

    @functools.cached_property
    def _keys(self):
        return self.events.time_keys(
            self.events.user[self.event], self.events.timestamp[self.event]
        )

    def seen_before(
        self, user: np.ndarray, timestamp: np.ndarray
    ) -> np.ndarray:
        """Returns int64 [rows], how many step events lie before the second.

        Counted over all users in order, so that row `n - 1` of `event` is the
        last one known, if it is that user's.

        Args:
          user: int64 [rows].
          timestamp: int64 [rows]; events at that second do not count.
        """
        keys = self.events.time_keys(user, timestamp)
        return np.searchsorted(self._keys, keys, side="left")

    def as_of(
        self, user: np.ndarray, timestamp: np.ndarray, max_length: int
    ) -> AsOf:
        """Returns the last steps that were known before some seconds.

        Args:
          user: int64 [rows].
          timestamp: int64 [rows]; only what happened at earlier seconds is
            known: neither the event asked about nor those beside it.
          max_length: To how many steps it is cut.
        """
        if not len(self.event):
            none = np.zeros(len(user), np.int64)
            return AsOf(none, none, none)
        last_event = self.seen_before(user, timestamp) - 1
        known = last_event >= 0
        last_event = np.maximum(last_event, 0)
        known &= self.events.user[self.event[last_event]] == user
        last = self.run[last_event]
        first = np.maximum(self.first_of_user[user], last + 1 - max_length)
        return AsOf(
            first=np.where(known, first, 0),
            length=np.where(known, last + 1 - first, 0),
            last_type=np.where(known, self.deepest[last_event], 0),
        )

    def type_bits(self, until: int | None = None) -> np.ndarray:
        """Returns int64 [steps], the set of event types in each as bits.

        Args:
          until: Only events at earlier seconds count; None counts all.
        """
        bits = np.int64(1) << self.events.type[self.event]
        if until is not None:
            early = self.events.timestamp[self.event] < until
            bits = np.where(early, bits, 0)
        if not len(bits):
            return bits
        return np.bitwise_or.reduceat(bits, self.begin)


def gather(first: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Returns the rows of many stretches, one after the other.

    >>> gather(np.array([5, 0, 2]), np.array([2, 0, 3])).tolist()
    [5, 6, 2, 3, 4]
    """
    ends = np.cumsum(length)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(
        first - (ends - length), length
    )
