"""Times the node on a generated log: python -m with the number of events.

`python -m tests.components.behavior_log.benchmark 1000000`
"""

import pathlib
import resource
import sys
import tempfile
import time

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.behavior_log.pipeline import BehaviorLogPaths, run_behavior_log
from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue import tables
from tests.components.behavior_log.small_log import make_pipeline

ITEMS = 3000
EVENTS_PER_USER = 100
START = 1_700_000_000
DAY = 86_400
KINDS = ("impression", "click", "favorite", "cart", "buy", "search")
SHARES = (0.75, 0.15, 0.02, 0.03, 0.02, 0.03)
BATCH = 20_000


class TimedPipeline(beam.Pipeline):
    """Prints how long a pipeline took from its start to its end."""

    def __exit__(self, *error):
        start = time.perf_counter()
        result = super().__exit__(*error)
        print(f"  pipeline {time.perf_counter() - start:.1f} s", flush=True)
        return result


def _texts(*values):
    return pa.array(values, pa.large_string()).cast(pa.large_binary())


def _numbered(prefix, numbers):
    return _texts(*(f"{prefix}{number}" for number in numbers))


def _batches(num_events):
    rng = np.random.default_rng(0)
    num_users = max(num_events // EVENTS_PER_USER, 1)
    users = _numbered("u", range(num_users))
    items = _numbered("i", range(ITEMS))
    queries = _texts("", *(f"搜索词 {n}" for n in range(200)))
    for start in range(0, num_events, BATCH):
        size = min(BATCH, num_events - start)
        user = rng.integers(num_users, size=size)
        visit = rng.integers(20, size=size)
        kind = rng.choice(len(KINDS), size=size, p=SHARES)
        is_search = kind == len(KINDS) - 1
        item = (rng.pareto(1.0, size) * 50).astype(int) % ITEMS
        second = (user * 7919 + visit * 3 * DAY) % (60 * DAY)
        yield {
            "user_id": users.take(pa.array(user)),
            "item_id": items.take(pa.array(item, mask=is_search)),
            "event_type": _texts(*KINDS).take(pa.array(kind)),
            "timestamp": pa.array(
                START + second + rng.integers(1200, size=size)
            ),
            "session_id": _numbered("s", user * 20 + visit),
            "query": queries.take(
                pa.array(rng.integers(1, 201, size) * is_search)
            ),
            "scene": _texts("home", "search").take(
                pa.array(rng.integers(2, size=size))
            ),
            "position": pa.array(rng.integers(20, size=size)),
            "device": _texts("ios", "web").take(
                pa.array(rng.integers(2, size=size))
            ),
            "price": pa.array(rng.random(size).astype(np.float32)),
        }


def _as_examples(columns):
    return pa.RecordBatch.from_arrays(
        [
            tables.as_lists(value.fill_null(b"") if value.null_count else value)
            for value in columns.values()
        ],
        list(columns),
    )


def write_log(folder: pathlib.Path, num_events: int) -> None:
    """Writes events and a catalogue as Examples."""
    tables.write_examples(
        f"{folder}/events/Split-all/data_tfrecord-00000.gz",
        map(_as_examples, _batches(num_events)),
    )
    items = {"item_id": _numbered("i", range(ITEMS))}
    tables.write_examples(
        f"{folder}/catalogue/Split-all/data_tfrecord-00000.gz",
        [_as_examples(items)],
    )


def main(num_events: int) -> None:
    """Prints seconds and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        write_log(pathlib.Path(folder), num_events)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        paths = BehaviorLogPaths(
            users="",
            **{
                name: f"{folder}/{name}"
                for name in (
                    "events",
                    "catalogue",
                    "examples",
                    "histories",
                    "queries",
                    "report",
                )
            },
        )
        start = time.perf_counter()
        report = run_behavior_log(
            paths,
            BehaviorLogSettings(),
            lambda: TimedPipeline(options=make_pipeline().options),
        )
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(report["events"], report["examples"])
    print(
        f"{num_events} events: {seconds:.1f} s, peak {peak >> 10} MB "
        f"({before >> 10} MB before)"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
