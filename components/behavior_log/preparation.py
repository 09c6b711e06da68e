"""What is done once with all events of a shard, before the split is known."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_log.cleaning import USER_TEXTS
from components.behavior_log.events import encode
from components.behavior_log.funnel import IMPRESSION_CODE, type_codes
from components.behavior_log.settings import BehaviorLogSettings
from components.behavior_log.split import TimeHistogram
from schema.contract import EVENT_TYPES

HOUR = 3600


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A shard without duplicates and bots, cut into sessions.

    Attributes:
      events: Sorted by user, time, item, type; every event has a session_id.
      counts: `kept`, `deduplicated`, `bots`, `users`, `bot_users`, `sessions`.
      event_types: Kept events of each type.
      positives: When the positive events happened.
    """

    events: pa.Table
    counts: dict[str, int]
    event_types: dict[str, int]
    positives: TimeHistogram


def prepare(table: pa.Table, settings: BehaviorLogSettings) -> Prepared:
    """Sorts events, drops duplicates, then bots, and cuts sessions.

    Duplicates agree in user, time, item, type, query and campaign; of them
    the one with the greatest session, scene, position, city and device stays,
    so that what is known wins over what is not, in any order of reading.
    All events of a bot that are left then count as `bots`.

    Args:
      table: Good events in any order, columns `cleaning.TRAVELLING`.
      settings: The limits.
    """
    same, rest = _sort_keys(table)
    order = np.lexsort([*reversed(rest), *reversed(same)])
    last = np.zeros(len(order), bool)
    for key in same:
        ordered = key[order]
        last[:-1] |= ordered[1:] != ordered[:-1]
    last[-1:] = True
    order = order[last]
    user, time, kind = same[0][order], same[1][order], same[3][order]
    is_bot = _bots(user, time, kind, settings)[user]
    order = order[~is_bot]
    kept = table.take(pa.array(order))
    kept, sessions = _with_sessions(kept, settings.session_gap_seconds)
    kind = kept["type"].to_numpy()
    positive = np.isin(kind, type_codes(settings.positive_event_types))
    by_type = np.bincount(kind, minlength=len(EVENT_TYPES))
    return Prepared(
        events=kept,
        counts={
            "kept": kept.num_rows,
            "deduplicated": table.num_rows - len(is_bot),
            "bots": int(is_bot.sum()),
            "users": len(np.unique(user[~is_bot])),
            "bot_users": len(np.unique(user[is_bot])),
            "sessions": sessions,
        },
        event_types={
            name: int(count)
            for name, count in zip(EVENT_TYPES, by_type, strict=True)
            if count
        },
        positives=TimeHistogram.of(kept["timestamp"].to_numpy()[positive]),
    )


def time_order(table: pa.Table) -> np.ndarray:
    """Returns int64 [rows], how one user's events are sorted by time.

    Events of one second follow each other by all that they say, so that only
    events that are the same in every column can change places.
    """
    (_, *same), rest = _sort_keys(table)
    return np.lexsort([*reversed(rest), *reversed(same)])


def _sort_keys(table):
    """Returns what duplicates agree in, and what else parts events."""
    same = [
        encode(table["user_id"]).codes,
        table["timestamp"].to_numpy(),
        table["item"].to_numpy(),
        table["type"].to_numpy(),
        encode(table["query"]).codes,
        encode(table["campaign_id"]).codes,
    ]
    rest = [
        encode(table["session_id"]).codes,
        encode(table["scene"]).codes,
        table["position"].to_numpy(),
        encode(table["city"]).codes,
        encode(table["device"]).codes,
    ]
    return same, rest


def _bots(user, time, kind, settings):
    """Returns bool [codes of user], by events within an hour or a second."""
    bots = np.zeros(int(user.max(initial=-1)) + 1, bool)
    for seconds, limit, counted in (
        (HOUR, settings.max_events_per_hour, np.ones(len(user), bool)),
        (1, settings.max_events_per_second, kind != IMPRESSION_CODE),
    ):
        if not limit or not counted.any():
            continue
        who, when = user[counted], time[counted]
        # Users lie so far apart that no window reaches into the next.
        keys = who * (when.max() - when.min() + HOUR + 1) + when - when.min()
        within = np.searchsorted(keys, keys + seconds, side="left")
        bots[who[within - np.arange(len(keys)) > limit]] = True
    return bots


def _with_sessions(events, gap_seconds):
    """Fills in session ids and counts the sessions of all users."""
    user = encode(events["user_id"]).codes
    time = events["timestamp"].to_numpy()
    given = encode(events["session_id"])
    open_ = np.flatnonzero(given.codes == 0)
    new = np.ones(len(open_), bool)
    new[1:] = (user[open_][1:] != user[open_][:-1]) | (
        np.diff(time[open_]) > gap_seconds
    )
    first = (
        open_[np.flatnonzero(new)[np.cumsum(new) - 1]] if len(open_) else open_
    )
    start = np.arange(len(user))
    start[open_] = first
    cut = pc.binary_join_element_wise(
        events["user_id"].take(pa.array(start)),
        pa.array(time[start]).cast(pa.large_string()),
        pa.scalar("@", pa.large_string()),
    )
    ids = pc.if_else(pa.array(given.codes == 0), cut, events["session_id"])
    events = events.set_column(
        events.column_names.index("session_id"), "session_id", ids
    )
    code = encode(events["session_id"])
    pairs = user * (len(code.texts) + 1) + code.codes
    return events, len(np.unique(pairs))


def join_profiles(users: pa.Array, profiles: pa.Table | None) -> pa.Table:
    """Aligns the users table with users; `""` where nothing is known.

    Args:
      users: large_string [users], distinct.
      profiles: Columns `USER_TEXTS`, one row a user; None without a table.
    """
    if profiles is None or not profiles.num_rows:
        empty = pa.array([""] * len(users), pa.large_string())
        return pa.table(dict.fromkeys(USER_TEXTS, empty) | {"user_id": users})
    found = pc.index_in(users, profiles["user_id"].combine_chunks())
    return pa.table(
        {
            name: pc.fill_null(profiles[name].combine_chunks().take(found), "")
            for name in USER_TEXTS
        }
        | {"user_id": users}
    )


def last_rows(profiles: pa.Table) -> pa.Table:
    """Keeps the last row of every user, by `file` and `row`."""
    ordered = profiles.sort_by(
        [("user_id", "ascending"), ("file", "ascending"), ("row", "ascending")]
    )
    ids = ordered["user_id"].to_numpy()
    last = np.append(ids[1:] != ids[:-1], True)[: len(ids)]
    return ordered.filter(pa.array(last)).select(USER_TEXTS)
