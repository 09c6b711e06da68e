"""When the events of a span happened, and what lies around them."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schema.errors import DataError

DAY_SECONDS = 86_400


def event_times(events: pa.Table) -> NDArray[np.int64]:
    """Returns the times that events have, Unix seconds, without bad ones."""
    times = events["timestamp"].drop_null().to_numpy()
    return times[times > 0]


def within(events: pa.Table, first: float, end: float) -> pa.Table:
    """Returns events from `first` on and before `end`."""
    times = pc.fill_null(events["timestamp"], -1)
    return events.filter(
        pc.and_(pc.greater_equal(times, first), pc.less(times, end))
    )


def begin_of(times: NDArray[np.int64], newest: int) -> int:
    """Returns when a span begins: its first event that is not late.

    Args:
      times: Of its events, at least one.
      newest: Of all events before it; what is not newer is late.
    """
    fresh = times[times > newest]
    return int((fresh if len(fresh) else times).min())


def refuse_old(times: NDArray[np.int64], newest: int, late_days: float) -> None:
    """Refuses events that happened too long before the newest one.

    Args:
      times: Of a span's events.
      newest: Of all events before it.
      late_days: How long before `newest` they may have happened.

    Raises:
      DataError: There are older ones, or none at all.
    """
    if not len(times):
        raise DataError("the span has no event with a timestamp")
    oldest = newest - late_days * DAY_SECONDS
    if too_old := int((times < oldest).sum()):
        raise DataError(
            f"{too_old} of {len(times)} events happened before "
            f"{int(oldest)}, {late_days:g} days before the newest "
            f"event of the log ({newest}); allowed: none, or more late days"
        )


def evaluation_begins(
    events: pa.Table, first: int, types: tuple[str, ...], share: float
) -> int:
    """Returns when a span's evaluation begins, Unix seconds.

    Args:
      events: Of the span.
      first: When it begins; late events say nothing of when it ends.
      types: Of the events that are targets.
      share: Of the targets that evaluate.

    Raises:
      DataError: The span has fewer than two times of targets.
    """
    chosen = pc.is_in(events["event_type"], pa.array(types))
    times = event_times(events.filter(chosen))
    times = times[times >= first]
    if len(np.unique(times)) < 2:
        raise DataError(
            f"the span has {len(times)} events of {', '.join(types)} that are "
            "not late; at least two at different times are needed, some to "
            "learn from and some to evaluate with"
        )
    split = int(np.quantile(times, 1 - share, method="higher"))
    return split if (times < split).any() else int(np.unique(times)[1])


def span_and_before(
    tables: Iterable[pa.Table], first: int, last: int
) -> tuple[pa.Table, pa.Table]:
    """Returns a span's events and those of as long before, for comparing.

    Args:
      tables: All events, piece by piece.
      first: When the span begins.
      last: Time of its last event; a span shorter than a day is held against
        a day.
    """
    long = max(last + 1 - first, DAY_SECONDS)
    now, before = [], []
    for table in tables:
        now.append(within(table, first, last + 1))
        before.append(within(table, first - long, first))
    return pa.concat_tables(now), pa.concat_tables(before)
