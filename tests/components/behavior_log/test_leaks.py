"""Nothing of the present or the future may enter a history or a label."""

import numpy as np
import pyarrow as pa
import pytest

from components.behavior_log.events import Events
from components.behavior_log.funnel import IMPRESSION_CODE, parse_heads
from components.behavior_log.preparation import prepare
from components.behavior_log.ranking import impression_labels
from components.behavior_log.settings import BehaviorLogSettings
from components.behavior_log.steps import Steps, gather
from schema.contract import EVENT_TYPES, ITEM_EVENT_TYPES
from tests.components.behavior_log.small_log import FUNNEL, event, run


def _random_log(seed, size=400, users=4, items=6, seconds=150):
    """Many events in few seconds, so that most share theirs with others."""
    rng = np.random.default_rng(seed)
    kinds = [*ITEM_EVENT_TYPES, "impression", "impression", "search"]
    log = []
    for _ in range(size):
        kind = kinds[rng.integers(len(kinds))]
        second = 1000 + int(rng.integers(seconds))
        log.append(
            event(
                f"u{rng.integers(users)}",
                kind,
                None if kind == "search" else f"i{rng.integers(items)}",
                second,
                query=f"q{second}" if kind == "search" else None,
                session_id=f"s{second // 40}",
            )
        )
    return log


def _steps(log):
    rows = [
        {
            "user_id": row["user_id"],
            "item": int((row["item_id"] or "i-1")[1:]),
            "type": EVENT_TYPES.index(row["event_type"]),
            "timestamp": row["timestamp"],
            "session_id": row["session_id"],
            "query": row["query"] or "",
            "position": -1,
        }
        | dict.fromkeys(("scene", "city", "device", "campaign_id"), "")
        for row in log
    ]
    table = pa.Table.from_pylist(rows)
    texts = pa.schema(
        [
            (f.name, pa.large_string() if f.type == pa.string() else f.type)
            for f in table.schema
        ]
    )
    limits = {"max_events_per_hour": 0, "max_events_per_second": 0}
    settings = BehaviorLogSettings(heads=FUNNEL, **limits)
    return Steps.of(
        Events.from_table(prepare(table.cast(texts), settings).events)
    )


def _history_by_hand(log, user, before, longest):
    """The definition of docs/architecture.md, event by event."""
    past = sorted(
        {
            (r["timestamp"], r["item_id"], ITEM_EVENT_TYPES.index(kind), s)
            for r in log
            if (kind := r["event_type"]) in ITEM_EVENT_TYPES[1:]
            and r["user_id"] == user
            and r["timestamp"] < before
            for s in [r["session_id"]]
        }
    )
    steps = []
    for _, item, depth, session in past:
        if steps and steps[-1][0] == item and steps[-1][2] == session:
            steps[-1][1] = max(steps[-1][1], depth)
        else:
            steps.append([item, depth, session])
    return [
        (item, ITEM_EVENT_TYPES[depth]) for item, depth, _ in steps[-longest:]
    ]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("longest", [3, 1000])
def test_histories_hold_earlier_seconds_only(seed, longest):
    log = _random_log(seed)
    steps = _steps(log)
    users = steps.events.users.to_pylist()
    user, second = np.meshgrid(range(len(users)), range(995, 1160, 5))
    user, second = user.ravel(), second.ravel()
    found = steps.as_of(user, second, longest)
    assert found.length.max() > 2
    for row in range(len(user)):
        flat = gather(found.first[row : row + 1], found.length[row : row + 1])
        kinds = [EVENT_TYPES[code] for code in steps.final_type[flat]]
        if kinds:
            kinds[-1] = EVENT_TYPES[found.last_type[row]]
        items = [f"i{item}" for item in steps.item[flat]]
        assert list(zip(items, kinds, strict=True)) == _history_by_hand(
            log, users[user[row]], second[row], longest
        )


@pytest.mark.parametrize("seed", range(3))
def test_labels_are_those_of_events_after_the_latest_impression(seed):
    log = _random_log(seed, items=3)
    steps = _steps(log)
    events = steps.events
    impressions = np.flatnonzero(events.type == IMPRESSION_CODE)
    window, split = 30, 1100
    labels = impression_labels(
        steps, impressions, parse_heads(FUNNEL), window, split
    )
    expected = np.zeros_like(labels)
    for act in range(len(events.type)):
        kind = EVENT_TYPES[events.type[act]]
        if kind not in ("click", "favorite", "cart", "buy"):
            continue
        now = events.timestamp[act]
        shown = [
            (events.timestamp[row], row, place)
            for place, row in enumerate(impressions)
            if events.user[row] == events.user[act]
            and events.item[row] == events.item[act]
            and events.timestamp[row] <= now
        ]
        if not shown:
            continue
        then, _, place = max(shown)
        if now - then <= window and not (then < split <= now):
            expected[place, 0] = 1
            expected[place, 1] = max(expected[place, 1], kind == "buy")
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(labels, expected)


def _leaky():
    """An item is only ever touched at the very second of its impression."""
    log = [event("u", "click", f"old{n}", 1000 + n) for n in range(5)]
    log += [
        event("u", "impression", "planted", 2000),
        event("u", "click", "planted", 2000),
        event("u", "buy", "beside", 2000),
        event("u", "click", "later", 2001),
        event("u", "impression", "old0", 3000),
        event("u", "click", "end", 3001),
    ]
    return log


def test_planted_leak_is_in_no_history(tmp_path):
    outcome = run(tmp_path, _leaky(), split_timestamp=3000)
    (train,) = outcome.split("train")
    assert train["item_id"] == ["planted"]
    assert train["label_click"] == [1.0]
    assert train["history_item_ids"] == [f"old{n}" for n in range(5)]
    (late,) = outcome.split("eval")
    assert late["history_item_ids"][5:] == ["beside", "planted", "later"]


def test_train_files_do_not_change_with_what_happens_after_the_split(tmp_path):
    split = 1100
    log = _random_log(7)
    settings = {"split_timestamp": split, "max_history": 4}
    items = [{"item_id": f"i{n}"} for n in range(6)]
    whole = run(tmp_path / "whole", log, items=items, **settings)
    # Of what follows the split, only enough is left to let the node finish.
    late = [row for row in log if row["timestamp"] >= split]
    shown = next(r for r in late if r["event_type"] == "impression")
    early = [row for row in log if row["timestamp"] < split]
    last = event("u0", "click", "i0", 5000, query=None, session_id="s9")
    cut = run(tmp_path / "cut", [*early, shown, last], items=items, **settings)
    for name in ("train", "sequence_train"):
        before = whole.split(name)
        assert len(before) > 5
        assert sorted(before, key=repr) == sorted(cut.split(name), key=repr)
        for example in before:
            assert example["timestamp"][0] < split
            assert all(t < split for t in example["history_timestamps"])
    assert whole.split("eval") != cut.split("eval")


def test_log_without_impressions_labels_train_from_before_the_split(tmp_path):
    log = [
        event("u", "click", "a", 100),
        event("u", "click", "b", 190),
        # The purchase of b is after the split, in the same step.
        event("u", "buy", "b", 200),
        event("u", "click", "c", 210),
    ]
    outcome = run(
        tmp_path, log, split_timestamp=200, num_negatives=1, num_shards=1
    )
    bought = [
        e for e in outcome.split("train") if e["item_id"] == ["b"]
        and e["weight"] == [1.0]
    ]  # fmt: skip
    assert [(e["label_click"], e["label_buy"]) for e in bought] == [
        ([1.0], [0.0])
    ]
    (sequence,) = outcome.split("sequence_train")
    assert sequence["history_event_types"] == ["click", "click"]
    assert sequence["timestamp"] == [190]
    # What straddles the split is nobody's question.
    assert [e["target_item_ids"] for e in outcome.split("sequence_eval")] == [
        ["c"]
    ]
    assert outcome.split("sequence_eval")[0]["history_event_types"] == [
        "click",
        "buy",
    ]
