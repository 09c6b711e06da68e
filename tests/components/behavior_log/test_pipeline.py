"""Small logs worked out by hand, and all the ways a log can be bad."""

import pytest

from schema import loader
from schema.errors import DataError
from tests.components.behavior_log.small_log import FUNNEL, event, run

SPLIT = 2000


def _shop():
    """Twelve events of two users, with impressions."""
    return [
        event("u1", "search", None, 1000, query="鼠标", session_id="s1"),
        event("u1", "impression", "a", 1001, position=1, session_id="s1"),
        event("u1", "impression", "b", 1001, position=2, session_id="s1"),
        event("u1", "click", "a", 1005, session_id="s1", city="杭州"),
        event("u1", "cart", "a", 1006, session_id="s1"),
        event("u1", "click", "b", 1010, session_id="s1"),
        event("u1", "impression", "c", 1990, position=0, session_id="s2"),
        event("u1", "click", "c", 2000, session_id="s2"),
        event("u1", "buy", "a", 2010, session_id="s2"),
        event("u2", "impression", "b", 1500, scene="home", device="ios"),
        event("u2", "impression", "a", 2100, scene="home"),
        event("u2", "buy", "a", 2200, scene="home"),
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return run(
        tmp_path_factory.mktemp("shop"),
        _shop(),
        users=[
            {"user_id": "u1", "gender": "F", "level": 3, "city": "上海"},
            {"user_id": "u1", "gender": "M", "level": 4, "city": "北京"},
            {"user_id": "", "gender": "F"},
        ],
        split_timestamp=SPLIT,
        positive_event_types=("click", "buy"),
    )


def _brief(example):
    return (
        example["user_id"][0],
        example["item_id"][0],
        example["timestamp"][0],
        example["position"][0],
        example["history_item_ids"],
        example["history_event_types"],
        example["label_click"][0],
        example["label_buy"][0],
    )


def test_train_has_an_example_for_each_impression_before_the_split(shop):
    # The click on c at 2000 and the purchase of a at 2010 are after the
    # split: the impressions of c and a do not know of them.
    assert [_brief(example) for example in shop.split("train")] == [
        ("u1", "a", 1001, 1, [], [], 1, 0),
        ("u1", "b", 1001, 2, [], [], 1, 0),
        ("u1", "c", 1990, 0, ["a", "b"], ["cart", "click"], 0, 0),
        ("u2", "b", 1500, -1, [], [], 0, 0),
    ]


def test_eval_sees_what_the_impression_led_to(shop):
    assert [_brief(example) for example in shop.split("eval")] == [
        ("u2", "a", 2100, -1, [], [], 1, 1)
    ]


def test_context_comes_from_event_then_profile(shop):
    first = shop.split("train")[0]
    assert first["query"] == ["鼠标"]
    assert first["gender"] == ["M"]
    assert first["level"] == ["4"]
    assert first["city"] == ["北京"]
    assert first["session_id"] == ["s1"]
    assert first["weight"] == [1.0]
    last = shop.split("train")[-1]
    assert (last["scene"], last["device"], last["gender"]) == (
        ["home"],
        ["ios"],
        [""],
    )


def test_sequence_train_is_a_users_steps_before_the_split(shop):
    (sequence,) = shop.split("sequence_train")
    assert sequence["user_id"] == ["u1"]
    assert sequence["history_item_ids"] == ["a", "b"]
    assert sequence["history_event_types"] == ["cart", "click"]
    assert sequence["history_timestamps"] == [1005, 1010]
    assert sequence["history_queries"] == ["鼠标", "鼠标"]
    assert sequence["timestamp"] == [1010]
    assert sequence["item_id"] == [""]
    assert sequence["target_item_ids"] == []


def test_sequence_eval_asks_for_steps_after_the_split(shop):
    asked = [
        (
            example["user_id"][0],
            example["timestamp"][0],
            example["history_item_ids"],
            example["target_item_ids"],
        )
        for example in shop.split("sequence_eval")
    ]
    assert asked == [
        ("u1", 2000, ["a", "b"], ["c"]),
        ("u1", 2010, ["a", "b", "c"], ["a"]),
        ("u2", 2200, [], ["a"]),
    ]


def test_histories_are_the_state_after_the_log(shop):
    first, second = shop.histories
    assert first == {
        "user_id": "u1",
        "history_item_ids": ["a", "b", "c", "a"],
        "history_event_types": ["cart", "click", "click", "buy"],
        "history_timestamps": [1005, 1010, 2000, 2010],
        "history_queries": ["鼠标", "鼠标", "", ""],
        "gender": "M",
        "age_band": "",
        "level": "4",
        "city": "杭州",
        "device": "",
        "scene": "",
        "last_timestamp": 2010,
    }
    assert (second["user_id"], second["device"], second["scene"]) == (
        "u2",
        "ios",
        "home",
    )
    assert shop.queries == {"鼠标": 1}


def test_report_counts_everything(shop):
    report = shop.report
    assert report["events"] == {
        "in": 12,
        "kept": 12,
        "deduplicated": 0,
        "bots": 0,
        "quarantined": 0,
    }
    assert report["users"] == 2
    # s1, s2, and u2's, which no pause of 600 s cuts.
    assert report["sessions"] == 3
    assert report["examples"] == {
        "train": 4,
        "eval": 1,
        "sequence_train": 1,
        "sequence_eval": 3,
    }
    assert report["label_counts"] == {
        "click": {"train": 2, "eval": 1},
        "buy": {"train": 0, "eval": 1},
    }
    assert report["users_table"] == {
        "in": 3,
        "kept": 1,
        "deduplicated": 1,
        "quarantined": 1,
    }
    assert report["ranking_source"] == "impressions"
    assert report["split_timestamp"] == SPLIT


def test_every_example_fits_the_schema(shop):
    schema = loader.behavior_schema(FUNNEL)
    kinds = {1: (str,), 2: (int,), 3: (float,)}
    for split in ("train", "eval", "sequence_train", "sequence_eval"):
        for example in shop.split(split):
            assert set(example) == {f.name for f in schema.feature}
            for feature in schema.feature:
                values = example[feature.name]
                assert all(isinstance(v, kinds[feature.type]) for v in values)
                if feature.HasField("shape"):
                    assert len(values) == 1, feature.name


def test_log_without_impressions_gets_weighted_negatives(tmp_path):
    events = [
        event("u", "view", "a", 100),
        event("u", "click", "a", 101),
        event("u", "view", "b", 200),
        event("u", "buy", "c", 300),
        event("u", "click", "d", 400),
    ]
    outcome = run(
        tmp_path, events, num_negatives=3, split_timestamp=400, num_shards=1
    )
    train = outcome.split("train")
    positives = [e for e in train if e["label_click"] == [1.0]]
    assert [_brief(e) for e in positives] == [
        ("u", "a", 100, -1, [], [], 1, 0),
        ("u", "c", 300, -1, ["a", "b"], ["click", "view"], 1, 1),
    ]
    negatives = [e for e in train if e["label_click"] == [0.0]]
    assert len(negatives) == 6
    for example in negatives:
        positive = {100: "a", 300: "c"}[example["timestamp"][0]]
        assert example["item_id"][0] in {"a", "b", "c", "d"} - {positive}
        # 20 items passed over for each chosen, 3 of them drawn.
        assert example["weight"] == [pytest.approx(20 / 3)]
        assert example["label_buy"] == [0.0]
    assert all(e["weight"] == [1.0] for e in positives)
    assert len(outcome.split("eval")) == 4
    assert outcome.report["ranking_source"] == "positives"


def test_two_runs_write_the_same_files(tmp_path):
    first = run(tmp_path / "1", _shop(), split_timestamp=SPLIT)
    # The same rows in another order and in two files.
    second = run(
        tmp_path / "2", _shop()[7::-1], _shop()[8:], split_timestamp=SPLIT
    )
    assert first.files() == second.files()
    assert len(first.files()) >= 8


def test_number_of_shards_changes_no_example(tmp_path):
    one = run(tmp_path / "1", _shop(), split_timestamp=SPLIT, num_shards=1)
    many = run(tmp_path / "2", _shop(), split_timestamp=SPLIT, num_shards=5)
    for split in ("train", "eval", "sequence_train", "sequence_eval"):
        assert one.split(split) == many.split(split) != []
    assert one.histories == many.histories
    assert one.queries == many.queries


def test_bad_rows_are_put_aside_with_reason_place_and_content(tmp_path):
    good = _shop()
    bad = [
        ({"user_id": ""}, "empty_user"),
        ({"event_type": "purchase"}, "unknown_event_type"),
        ({"event_type": None}, "unknown_event_type"),
        ({"item_id": None}, "missing_item"),
        ({"item_id": "nowhere"}, "unknown_item"),
        ({"timestamp": None}, "bad_timestamp"),
        ({"timestamp": -5}, "bad_timestamp"),
        ({"timestamp": 1_700_000_000_000}, "bad_timestamp"),
        ({"price": -0.5}, "negative_price"),
        ({"price": float("nan")}, "bad_price"),
        ({"quantity": 0}, "bad_quantity"),
        ({"query": b"\xff\xfe"}, "bad_utf8"),
        ({"query": "长" * 10_000_000}, "text_too_long"),
        ({"user_id": "", "item_id": "nowhere"}, "empty_user"),
    ]
    rows = [event("u1", "click", "a", 1800) | change for change, _ in bad]
    outcome = run(
        tmp_path, good + rows, items=[{"item_id": i} for i in "abc"],
        split_timestamp=SPLIT,
    )  # fmt: skip
    assert outcome.report["events"] == {
        "in": 26,
        "kept": 12,
        "deduplicated": 0,
        "bots": 0,
        "quarantined": 14,
    }
    letters = outcome.letters
    assert [letter["reason"] for letter in letters] == [r for _, r in bad]
    assert [letter["row"] for letter in letters] == list(range(12, 26))
    assert letters[0]["source"] == "events/Split-all/data_tfrecord-00000.gz"
    assert '"nowhere"' in letters[4]["value"]
    assert "1700000000000" in letters[7]["value"]
    assert len(letters[12]["value"]) < 1000
    assert "10000000" in letters[12]["value"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timestamp": 1_700_000_000_000}, "bad_timestamp: 12"),
        ({"item_id": "nowhere", "event_type": "buy"}, "unknown_item: 12"),
    ],
)
def test_all_rows_bad_says_why_and_keeps_the_report(tmp_path, change, reason):
    rows = [row | change for row in _shop()]
    with pytest.raises(DataError, match=f"none of 12 events.*{reason}") as bad:
        run(tmp_path, rows, items=[{"item_id": "a"}])
    assert str(next(iter(change.values()))) in str(bad.value)
    report = (tmp_path / "out/report/report.json").read_text()
    assert '"quarantined": 12' in report
    assert (tmp_path / "out/report/dead_letters.parquet").exists()
    assert not (tmp_path / "out/report/work").exists()


def test_empty_log_says_so(tmp_path):
    with pytest.raises(DataError, match="events table has no rows"):
        run(tmp_path, [], items=[{"item_id": "a"}])


def test_empty_catalogue_says_so(tmp_path):
    with pytest.raises(DataError, match="catalogue has no items"):
        run(tmp_path, _shop(), items=[])


def test_one_user_is_enough(tmp_path):
    events = [event("u", "click", f"i{n}", 1000 + n) for n in range(20)]
    report = run(tmp_path, events).report
    # 18 steps before the split, 2 after it, 4 negatives beside each.
    assert report["split_timestamp"] == 1018
    assert report["examples"] == {
        "train": 90,
        "eval": 10,
        "sequence_train": 1,
        "sequence_eval": 2,
    }


def test_too_small_a_log_says_what_is_missing(tmp_path):
    events = [event("u", "click", "a", 1000), event("u", "click", "b", 2000)]
    with pytest.raises(DataError, match="no example for sequence_train "):
        run(tmp_path, events)
    assert (tmp_path / "out/report/report.json").exists()


def test_log_at_a_single_second_cannot_be_split(tmp_path):
    events = [event(f"u{n}", "click", "a", 1000) for n in range(5)]
    with pytest.raises(DataError, match="all 5 positive events have the time"):
        run(tmp_path, events)


def test_log_without_purchases_works(tmp_path):
    events = [row for row in _shop() if row["event_type"] != "buy"]
    events.append(event("u2", "click", "b", 2300))
    report = run(tmp_path, events, split_timestamp=SPLIT).report
    assert report["label_counts"]["buy"] == {"train": 0, "eval": 0}
    assert report["label_counts"]["click"]["train"] == 2


def test_log_without_positives_says_so(tmp_path):
    events = [event("u", "impression", "a", 1000 + n) for n in range(5)]
    with pytest.raises(DataError, match="no event of the setting positive"):
        run(tmp_path, events)


def test_bots_and_duplicates_are_counted_and_leave_no_trace(tmp_path):
    bot = [event("bot", "click", "a", 1000 + n) for n in range(30)]
    twice = _shop() + _shop()[3:6]
    outcome = run(
        tmp_path,
        twice + bot + bot[:4],
        split_timestamp=SPLIT,
        max_events_per_hour=20,
    )
    assert outcome.report["events"] == {
        "in": 49,
        "kept": 12,
        "deduplicated": 7,
        "bots": 30,
        "quarantined": 0,
    }
    assert outcome.report["bot_users"] == 1
    assert [row["user_id"] for row in outcome.histories] == ["u1", "u2"]


def test_pseudonyms_hide_users_everywhere(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_KEY", "0123456789abcdef")
    events = [*_shop(), event("u1", "click", "nowhere", 1234)]
    outcome = run(
        tmp_path,
        events,
        items=[{"item_id": i} for i in "abc"],
        users=[{"user_id": "u1", "gender": "F"}],
        split_timestamp=SPLIT,
        pseudonym_key_variable="SHOP_KEY",
    )
    ids = {row["user_id"] for row in outcome.histories}
    assert len(ids) == 2
    assert all(len(user) == 32 for user in ids)
    assert {row["gender"] for row in outcome.histories} == {"F", ""}
    assert '"u1"' not in outcome.letters[0]["value"]
    assert all("u1" not in e["session_id"][0] for e in outcome.split("train"))
