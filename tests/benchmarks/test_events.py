"""Logs of any length, and what two programs make of one, by hand."""

import collections

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmarks.events import log
from benchmarks.events.comparison import (
    DisagreementError,
    Options,
    check_same,
)
from benchmarks.events.costs import measured
from components.behavior_log import histories
from schema.settings import SettingsError

ROWS = 20_000


def _events(folder, **settings):
    log.write_log(folder, log.LogSettings(events=ROWS, items=500, **settings))
    return pq.read_table(folder / log.EVENTS)


def test_a_log_has_its_length_and_its_dirt(tmp_path):
    events = _events(tmp_path / "one")
    assert events.num_rows == ROWS
    assert events.equals(_events(tmp_path / "two"))
    rows = [tuple(row.values()) for row in events.to_pylist()]
    repeated = ROWS - len(set(rows))
    assert 0.008 * ROWS < repeated < 0.012 * ROWS
    assert events["user_id"].to_pylist().count("") > 10
    assert events["item_id"].to_pylist().count("gone") > 10
    assert len(pq.read_table(tmp_path / "one" / log.ITEMS)) == 500
    searches = events.filter(pc.equal(events["event_type"], "search"))
    assert searches["item_id"].null_count == searches.num_rows > 0
    assert searches["query"].null_count == 0


def test_one_user_and_one_item_can_have_most_of_it(tmp_path):
    events = _events(tmp_path, hot_user_events=8000, hot_item_share=0.3)
    users = collections.Counter(events["user_id"].to_pylist())
    items = collections.Counter(events["item_id"].drop_null().to_pylist())
    assert users[log.HOT_USER] == pytest.approx(8000, rel=0.05)
    assert items["i0"] / items.total() == pytest.approx(0.3, abs=0.03)
    # Too many events for a person's hour would make the user a bot.
    times = events.filter(pc.equal(events["user_id"], log.HOT_USER))[
        "timestamp"
    ]
    hours = collections.Counter(time // 3600 for time in times.to_pylist())
    hours.pop(0, None)
    assert max(hours.values()) < 100


def test_a_log_of_the_shortest_length_and_the_hot_user_comes_last():
    options = Options(sizes=(3000, 2000), hot_user_events=500)
    assert [(one.events, one.hot_user_events) for one in options.logs()] == [
        (2000, 0),
        (3000, 0),
        (2500, 500),
    ]
    with pytest.raises(SettingsError, match="hot_item_share is 2"):
        log.LogSettings(events=1000, hot_item_share=2)


def _write(folder, types, items):
    ours = {
        name: []
        for name in histories.HISTORIES.names
        if name.startswith(("user_id", "history"))
    }
    for user, codes, of_user in zip("ab", types, items, strict=True):
        ours["user_id"].append(user)
        ours["history_item_ids"].append(of_user)
        ours["history_event_types"].append(codes)
        ours["history_timestamps"].append(list(range(len(codes))))
        ours["history_queries"].append([""] * len(codes))
    table = pa.table(ours)
    if isinstance(types[0][0], int):
        column = pa.array(types, pa.list_(pa.int32()))
        place = table.column_names.index("history_event_types")
        table = table.set_column(place, "history_event_types", column)
    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    pq.write_table(table, path)
    return path


def test_counts_and_histories_must_agree(tmp_path):
    counts = {
        "in": 9,
        "kept": 6,
        "deduplicated": 1,
        "bots": 1,
        "quarantined": 1,
    }
    totals = {"users": 2, "bot_users": 1, "sessions": 3}
    report = {"events": counts, **totals}
    told = {**counts, **totals}
    ours = _write(tmp_path, [["click", "buy"], ["cart"]], [["i", "j"], ["k"]])
    codes = [[2, 6], [4]]
    same = _write(tmp_path, codes, [["i", "j"], ["k"]])
    check_same(report, told, ours, same)
    with pytest.raises(DisagreementError, match="sessions: the node counts 3"):
        check_same(report, {**told, "sessions": 4}, ours, same)
    other_items = _write(tmp_path, codes, [["i", "j"], ["i"]])
    with pytest.raises(DisagreementError, match="history_item_ids"):
        check_same(report, told, ours, other_items)
    # The same values cut otherwise are another history.
    cut = [[2], [6, 4]]
    shifted = _write(tmp_path, cut, [["i"], ["j", "k"]])
    with pytest.raises(DisagreementError, match="history_item_ids"):
        check_same(report, told, ours, shifted)


def test_memory_of_this_process_is_seen():
    with measured() as costs:
        block = bytearray(64 << 20)
        block[::4096] = b"x" * len(block[::4096])
    assert costs["peak_mb"] >= 64
    assert costs["cpu_seconds"] >= 0
