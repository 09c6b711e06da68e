"""A span is in the tables as a whole, or the tables are what they were."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.update_plan.times import evaluation_begins
from datasets.tables import write_table
from pipeline import spans
from pipeline.spans import SpanSettings
from schema.errors import DataError
from schema.settings import SettingsError

DAY = 86_400
START = 1_700_000_000 // DAY * DAY


def events(*times, kind="click"):
    return pa.table(
        {
            "user_id": [f"u{n}" for n in range(len(times))],
            "item_id": ["i1"] * len(times),
            "event_type": [kind] * len(times),
            "timestamp": pa.array(times, pa.int64()),
        }
    )


def items(**titles):
    return pa.table({"item_id": list(titles), "title": list(titles.values())})


@pytest.fixture
def data(tmp_path):
    """Ten days of one click each, two items."""
    folder = tmp_path / "data"
    write_table(events(*(START + n * DAY for n in range(10))), "events", folder)
    write_table(items(i1="一", i2="二"), "items", folder)
    (folder / "source.json").write_text("{}")
    return folder


def times_in(folder):
    return sorted(
        time
        for file in (folder / "events").glob("*.parquet")
        for time in pq.read_table(file)["timestamp"].to_pylist()
    )


def everything(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_span_adds_events_and_stands_items_in(data):
    now = START + 10 * DAY
    given = {
        "events": events(now, now + 5, START + 8 * DAY),
        "items": items(i2="二号", i3="三"),
    }
    with spans.alone(data):
        span = spans.add_span(data, given, SpanSettings())
        spans.keep(data)
    assert (span.events, span.late, span.first, span.last) == (
        3,
        1,
        now,
        now + 5,
    )
    assert (span.added, span.replaced) == ({"items": 1}, {"items": 1})
    assert len(times_in(data)) == 13
    found = pq.read_table(data / "items").to_pydict()
    assert dict(zip(found["item_id"], found["title"], strict=True)) == {
        "i1": "一",
        "i2": "二号",
        "i3": "三",
    }
    [told] = json.loads((data / "spans.json").read_text())
    assert told["name"] == "span-00001"
    assert (data / "source.json").exists()
    assert [path.name for path in data.parent.glob(".data*")] == []


def test_what_is_taken_back_leaves_every_byte(data):
    with spans.alone(data):
        spans.add_span(
            data, {"events": events(START + 10 * DAY)}, SpanSettings()
        )
        spans.keep(data)
    before = everything(data)
    given = {"events": events(START + 11 * DAY), "items": items(i1="新")}
    with spans.alone(data):
        spans.add_span(data, given, SpanSettings(keep_days=3))
        assert everything(data) != before
        spans.take_back(data)
    assert everything(data) == before


def test_what_a_killed_process_left_is_taken_back(data):
    before = everything(data)
    with spans.alone(data):
        spans.add_span(
            data, {"events": events(START + 11 * DAY)}, SpanSettings()
        )
    with spans.alone(data):
        assert everything(data) == before


def test_two_at_once_are_refused(data):
    with (
        spans.alone(data),
        pytest.raises(DataError, match="by another process"),
        spans.alone(data),
    ):
        pass


def test_late_events_have_a_window(data):
    """A missed day is filled back when the window reaches it."""
    missed = {"events": events(START + 2 * DAY + 60, START + 2 * DAY + 90)}
    with spans.alone(data):
        with pytest.raises(DataError, match=r"2 of 2 events happened before"):
            spans.add_span(data, missed, SpanSettings(late_days=6.9))
        span = spans.add_span(data, missed, SpanSettings(late_days=7))
        spans.keep(data)
    assert (span.late, span.first) == (2, START + 2 * DAY + 60)


def test_a_rolling_window_lets_old_events_go(data):
    given = {"events": events(START + 10 * DAY)}
    with spans.alone(data):
        span = spans.add_span(data, given, SpanSettings(keep_days=2))
        spans.keep(data)
    assert span.dropped == 8
    assert times_in(data) == [START + n * DAY for n in (8, 9, 10)]


def test_the_span_is_compared_with_as_long_before(data, tmp_path):
    now = START + 10 * DAY
    given = {"events": events(now, now + 2 * DAY - 1, START + 8 * DAY + 1)}
    with spans.alone(data):
        span = spans.add_span(data, given, SpanSettings())
        spans.keep(data)
    paths = spans.write_neighbours(data, span, tmp_path / "compared")
    found = [pq.read_table(path)["timestamp"].to_pylist() for path in paths]
    assert sorted(found[0]) == [now, now + 2 * DAY - 1]
    # The late one belongs to the time before.
    before = [START + 8 * DAY, START + 8 * DAY + 1, START + 9 * DAY]
    assert sorted(found[1]) == before


def test_the_latest_choices_of_a_span_evaluate():
    given = events(*range(START, START + 10))
    split = evaluation_begins(given, START, ("click",), 0.2)
    times = np.array(given["timestamp"].to_pylist())
    assert (times >= split).sum() == 2
    with pytest.raises(DataError, match="0 events of buy"):
        evaluation_begins(given, START, ("buy",), 0.2)


def test_bad_settings_are_named():
    with pytest.raises(SettingsError, match="late_days"):
        SpanSettings(late_days=-1)
    with pytest.raises(SettingsError, match="eval_share"):
        SpanSettings(eval_share=1.0)
