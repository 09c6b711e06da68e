"""Stages over logs and users."""

import pathlib
import shutil

import numpy as np
import pyarrow as pa

from benchmarks.events import log, ours
from benchmarks.scaling.measuring import Work
from components.behavior_log.histories import HISTORIES
from components.catalogue import tables
from schema.contract import EVENT_TYPES

SHARDS = 16
# Of the log whose users grow.
EVENTS = 90_000
STEPS = 50
_ITEMS = 20_000
_NOW = 1_700_000_000
# As the node merges them.
_ROWS_A_SHARD = 4096
_PIECE = 10_000


def behavior_log(events: int, folder: pathlib.Path) -> Work:
    """The node `BehaviorLog` on a log of so many events."""
    return _of_a_log(log.LogSettings(events=events), folder)


def users_of_a_log(users: int, folder: pathlib.Path) -> Work:
    """The same on a log of `EVENTS`, of so many users."""
    each = max(1, EVENTS // users)
    return _of_a_log(
        log.LogSettings(events=users * each, events_per_user=each), folder
    )


def _of_a_log(settings, folder):
    log.write_log(folder, settings)
    ours.ingest(folder, SHARDS)
    paths = ours.paths_of(folder)

    def run():
        report = ours.behavior(folder, SHARDS)["report"]
        return {
            "users": report["users"],
            "examples": sum(report["examples"].values()),
        }

    def again():
        for left in (
            paths.examples,
            paths.histories,
            paths.queries,
            paths.report,
        ):
            shutil.rmtree(left)

    return Work(run=run, again=again)


def histories(users: int, folder: pathlib.Path) -> Work:
    """The one stream that merges the shards' histories."""
    rng = np.random.default_rng(1)
    paths = []
    for shard in range(SHARDS):
        paths.append(f"{folder}/histories-{shard:05}.parquet")
        numbers = np.arange(shard, users, SHARDS)
        tables.write_parquet(
            paths[-1],
            HISTORIES,
            (
                _some_histories(numbers[first : first + _PIECE], rng)
                for first in range(0, len(numbers), _PIECE)
            ),
        )
    merged = folder / "histories.parquet"

    def run():
        rows = tables.write_parquet(
            str(merged),
            HISTORIES,
            tables.merge_sorted(paths, "user_id", _ROWS_A_SHARD),
        )
        assert rows == users
        return {"megabytes": merged.stat().st_size / 1e6}

    return Work(run=run, again=merged.unlink)


def _some_histories(numbers, rng):
    count = len(numbers)
    steps = count * STEPS
    offsets = pa.array(np.arange(0, steps + 1, STEPS))
    items = pa.array([f"i{n}" for n in range(_ITEMS)], pa.large_string())
    types = pa.array(EVENT_TYPES, pa.large_string())
    texts = pa.array(["", "无线鼠标"], pa.large_string())
    lists = {
        "history_item_ids": items.take(
            pa.array(rng.integers(_ITEMS, size=steps))
        ),
        "history_event_types": types.take(
            pa.array(rng.integers(len(EVENT_TYPES), size=steps))
        ),
        "history_timestamps": pa.array(
            _NOW + np.sort(rng.integers(10**7, size=steps))
        ),
        "history_queries": texts.take(
            pa.array((rng.random(steps) < 0.1).astype(np.int64))
        ),
    }
    columns = {
        "user_id": pa.array([f"u{n:012}" for n in numbers], pa.large_string()),
        "last_timestamp": pa.array(np.full(count, _NOW)),
        **{
            name: pa.LargeListArray.from_arrays(offsets, values)
            for name, values in lists.items()
        },
    }
    return pa.table(
        {
            field.name: columns.get(field.name, pa.nulls(count, field.type))
            for field in HISTORIES
        }
    )
