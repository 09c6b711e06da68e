"""A shard's events gathered so that no single user fills the memory.

An account that a call centre or a script works under can have more events
than all others of its shard. A person's state is their newest events anyway,
so beyond a limit the oldest are left out, while they are read and not after:
what is held does not grow with that user's log.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from components.behavior_log.preparation import time_order

# Users are counted when so many rows are held, and then at every doubling.
FIRST_COUNT = 200_000


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What a shard's parts gave.

    Attributes:
      events: Rows as they came; None without any part.
      left_out: Rows beyond the limit, the oldest of their users.
    """

    events: pa.Table | None
    left_out: int


def gather_events(
    parts: Iterable[pa.Table], limit: int, first_count: int = FIRST_COUNT
) -> Gathered:
    """Gathers parts, of each user at most the `limit` newest events.

    Which rows stay does not depend on the order of the parts: rows are
    compared by time and then by all that they say, so that those of equal
    rank are the same. Without a user above the limit, the rows and their
    order are those of the parts.

    Args:
      parts: Good events, columns `cleaning.TRAVELLING`; read one by one.
      limit: Events a user, duplicates included; 0 is none.
      first_count: Rows after which users are counted for the first time; at
        most twice the rows of users within the limit, or this, and one part
        are held.
    """
    held: list[pa.Table] = []
    rows = left_out = 0
    next_count = max(first_count, 1)
    for part in parts:
        held.append(part)
        rows += part.num_rows
        if limit and rows >= next_count:
            held = [_within(pa.concat_tables(held), limit)]
            left_out += rows - held[0].num_rows
            rows = held[0].num_rows
            next_count = max(2 * rows, first_count)
    if not held:
        return Gathered(None, 0)
    events = pa.concat_tables(held)
    if limit:
        events = _within(events, limit)
        left_out += rows - events.num_rows
    return Gathered(events, left_out)


def _within(table: pa.Table, limit: int) -> pa.Table:
    """Leaves out what users have beyond the limit; mostly nothing."""
    if table.num_rows <= limit:
        return table
    coded = table["user_id"].combine_chunks().dictionary_encode()
    user = np.asarray(coded.indices)
    counts = np.bincount(user, minlength=len(coded.dictionary))
    if counts.max() <= limit:
        return table
    keep = np.ones(len(user), bool)
    for hot in np.flatnonzero(counts > limit):
        of_user = np.flatnonzero(user == hot)
        order = time_order(table.take(pa.array(of_user)))
        keep[of_user[order[:-limit]]] = False
    # A filtered table shares no memory with the one that it came from.
    return table.filter(pa.array(keep))
