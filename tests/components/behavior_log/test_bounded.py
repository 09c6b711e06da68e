"""One user's endless log: the newest events, in bounded memory."""

import tracemalloc

import numpy as np
import pyarrow as pa

from components.behavior_log import stages
from components.behavior_log.bounded import gather_events
from components.behavior_log.cleaning import TRAVELLING
from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue import tables
from tests.components.behavior_log.small_log import event, run

WHOLE = {"item": np.int32, "type": np.int8, "timestamp": int, "position": int}
PART = 1000


def _part(users, timestamps):
    values = {"user_id": users, "timestamp": timestamps}
    return pa.table(
        {
            name: np.asarray(
                values.get(name, np.zeros(len(users))), WHOLE[name]
            )
            if name in WHOLE
            else pa.array(
                values.get(name, [""] * len(users)), pa.large_string()
            )
            for name in TRAVELLING
        }
    )


def _hot_parts(events, held=None):
    """Yields parts of one user's events, after each what is held."""
    for first in range(0, events, PART):
        if held is not None:
            arrow = pa.total_allocated_bytes()
            held.append(arrow + tracemalloc.get_traced_memory()[0])
        yield _part(["hot"] * PART, np.arange(first, first + PART))


def test_what_is_held_does_not_grow_with_one_users_log():
    tracemalloc.start()
    try:
        most = {}
        for limit in (2000, 0):
            for events in (20_000, 80_000):
                held: list[int] = []
                before = pa.total_allocated_bytes()
                gather_events(_hot_parts(events, held), limit, 4000)
                most[limit, events] = max(held) - before
    finally:
        tracemalloc.stop()
    # The same measure sees the log grow where nothing bounds it.
    assert most[0, 80_000] > 3 * most[0, 20_000]
    assert most[2000, 80_000] < 1.1 * most[2000, 20_000]
    assert most[2000, 80_000] < most[0, 80_000] / 8


def test_the_newest_stay_whatever_the_order_of_the_parts():
    rng = np.random.default_rng(0)
    rows = [("hot", time) for time in range(300)]
    rows += [(f"u{n % 40}", n) for n in range(300)]
    found = []
    for _ in range(3):
        order = rng.permutation(len(rows))
        parts = [
            _part(*zip(*[rows[row] for row in chosen], strict=True))
            for chosen in np.array_split(order, 13)
        ]
        gathered = gather_events(iter(parts), 25, 50)
        assert gathered.left_out == 275
        found.append(
            sorted(
                zip(
                    gathered.events["user_id"].to_pylist(),
                    gathered.events["timestamp"].to_pylist(),
                    strict=True,
                )
            )
        )
    expected = [("hot", time) for time in range(275, 300)]
    assert found == [sorted(expected + rows[300:])] * 3


def test_rows_stay_in_place_where_no_user_has_too_many():
    parts = [_part(["b", "a", "b"], [3, 2, 1]), _part(["c"], [0])]
    gathered = gather_events(iter(parts), 2, 1)
    assert gathered.left_out == 0
    assert gathered.events.equals(pa.concat_tables(parts))
    assert gather_events(iter([]), 2).events is None


def test_the_stage_reads_its_parts_one_by_one(tmp_path):
    held: list[int] = []
    settings = BehaviorLogSettings(max_events_per_user=500)
    stages.PrepareShard(stages.Work(str(tmp_path)), settings).process(
        (3, {"users": [], "events": map(tables.pack, _hot_parts(5000, held))})
    )
    shard = tables.unpack(tables.read_bytes(f"{tmp_path}/shard-00003.arrow"))
    assert shard["timestamp"].to_pylist() == list(range(4500, 5000))


def _log(hot):
    log = [
        event("hot", "click" if n % 3 else "impression", f"i{n % 7}", 1000 + n)
        for n in hot
    ]
    for user in range(5):
        log += [
            event(f"u{user}", kind, f"i{user}", 1100 + 50 * n + user)
            for n, kind in enumerate(("impression", "click", "buy"))
        ]
    return log


def test_left_out_events_are_counted_and_the_rest_is_as_without_them(
    tmp_path,
):
    items = [{"item_id": f"i{n}"} for n in range(7)]
    limited = run(
        tmp_path / "limited",
        _log(range(300)),
        items=items,
        split_timestamp=1250,
        max_events_per_user=120,
    )
    expected = run(
        tmp_path / "expected",
        _log(range(180, 300)),
        items=items,
        split_timestamp=1250,
    )
    found, wanted = limited.files(), expected.files()
    report = limited.report
    assert report["quarantined_by_reason"] == {"over_user_limit": 180}
    assert report["events"] == {
        "in": 315,
        "kept": 135,
        "deduplicated": 0,
        "bots": 0,
        "quarantined": 180,
    }
    for files in (found, wanted):
        del files["report/report.json"]
    assert found == wanted
    assert len(found) > 4
