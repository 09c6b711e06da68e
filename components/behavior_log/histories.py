"""The tables beside the examples: histories of users, and queries."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_log.events import Coded
from components.behavior_log.steps import Steps, gather
from schema.contract import EVENT_TYPES

_TEXT = pa.large_string()
HISTORIES = pa.schema(
    [
        ("user_id", _TEXT),
        ("history_item_ids", pa.large_list(_TEXT)),
        ("history_event_types", pa.large_list(_TEXT)),
        ("history_timestamps", pa.large_list(pa.int64())),
        ("history_queries", pa.large_list(_TEXT)),
        ("gender", _TEXT),
        ("age_band", _TEXT),
        ("level", _TEXT),
        ("city", _TEXT),
        ("device", _TEXT),
        ("scene", _TEXT),
        ("last_timestamp", pa.int64()),
    ]
)
QUERIES = pa.schema([("query", _TEXT), ("count", pa.int64())])


def user_histories(
    steps: Steps, profiles: pa.Table, items: pa.Array, max_history: int
) -> pa.Table:
    """Returns the state of every user after the whole log.

    City, device and scene are the last ones known, city from the profile
    where no event has one.

    Args:
      steps: Of the shard.
      profiles: As `preparation.join_profiles` aligned them with the users.
      items: large_string [items], ids of the catalogue.
      max_history: To how many steps histories are cut.

    Returns:
      A table of `HISTORIES`, one row a user, sorted by user_id.
    """
    events = steps.events
    users = np.arange(len(events.users))
    after = np.full(len(users), events.origin + events.span)
    history = steps.as_of(users, after, max_history)
    flat = gather(history.first, history.length)
    offsets = pa.array(np.append(0, np.cumsum(history.length)))
    city = _last_known(events.city, events.user, len(users))
    home = profiles["city"].combine_chunks()
    last = np.searchsorted(events.user, users, side="right") - 1
    columns = {
        "history_item_ids": items.take(pa.array(steps.item[flat])),
        "history_event_types": pa.array(EVENT_TYPES, _TEXT).take(
            pa.array(steps.final_type[flat])
        ),
        "history_timestamps": pa.array(steps.timestamp[flat]),
        "history_queries": events.query.texts.take(pa.array(steps.query[flat])),
    }
    return pa.table(
        {
            "user_id": events.users,
            **{
                name: pa.LargeListArray.from_arrays(offsets, values)
                for name, values in columns.items()
            },
            **{
                name: profiles[name] for name in ("gender", "age_band", "level")
            },
            "city": pc.if_else(pc.equal(city, ""), home, city),
            "device": _last_known(events.device, events.user, len(users)),
            "scene": _last_known(events.scene, events.user, len(users)),
            "last_timestamp": events.timestamp[last],
        },
        schema=HISTORIES,
    )


def _last_known(coded: Coded, user, num_users):
    rows = np.flatnonzero(coded.codes > 0)
    last = np.zeros(num_users, np.int64)
    # Rows ascend in time, and the last assignment to a user stays.
    last[user[rows]] = coded.codes[rows]
    return coded.texts.take(pa.array(last))


def query_counts(queries: Coded) -> pa.Table:
    """Counts the distinct texts; a table of `QUERIES` sorted by query."""
    counts = np.bincount(queries.codes, minlength=len(queries.texts))
    found = np.flatnonzero(counts[1:]) + 1
    return pa.table(
        {
            "query": queries.texts.take(pa.array(found)),
            "count": counts[found],
        },
        schema=QUERIES,
    )


def sum_queries(table: pa.Table) -> pa.Table:
    """Adds the counts of the same query from several shards."""
    summed = table.group_by("query").aggregate([("count", "sum")])
    return pa.table(
        {"query": summed["query"], "count": summed["count_sum"]},
        schema=QUERIES,
    ).sort_by("query")
