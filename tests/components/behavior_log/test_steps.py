"""Windows, sampling of questions, queries that led to steps, sessions."""

import numpy as np

from tests.components.behavior_log.small_log import event, run


def _clicks(count, user="u"):
    return [event(user, "click", f"i{n}", 1000 + n) for n in range(count)]


def test_long_users_are_cut_into_windows_that_share_one_step(tmp_path):
    log = [*_clicks(8), event("u", "click", "late", 5000)]
    outcome = run(tmp_path, log, max_history=3, split_timestamp=5000)
    windows = [
        [int(item[1:]) for item in e["history_item_ids"]]
        for e in outcome.split("sequence_train")
    ]
    # Seven successors in threes from the newest back.
    assert windows == [[0, 1], [1, 2, 3, 4], [4, 5, 6, 7]]
    (asked,) = outcome.split("sequence_eval")
    assert asked["history_item_ids"] == ["i5", "i6", "i7"]


def test_users_with_one_step_are_counted_not_trained_on(tmp_path):
    log = [
        *_clicks(3),
        event("single", "click", "i0", 1000),
        event("single", "buy", "i0", 1001),
        event("u", "click", "late", 5000),
    ]
    report = run(tmp_path, log, split_timestamp=5000).report
    assert report["sequence_train_short_users"] == 1
    assert report["examples"]["sequence_train"] == 1


def test_questions_are_capped_for_each_user_and_stay_the_same(tmp_path):
    log = [*_clicks(4), *_clicks(9, "v")]
    log += [event("v", "click", f"j{n}", 5000 + n) for n in range(9)]
    settings = {"split_timestamp": 5000, "eval_queries_per_user": 3}
    one = run(tmp_path / "1", log, **settings).split("sequence_eval")
    two = run(tmp_path / "2", log, num_shards=7, **settings)
    other = run(tmp_path / "3", log, seed=1, **settings)
    assert len(one) == 3
    assert two.split("sequence_eval") == one
    assert other.split("sequence_eval") != one


def test_seen_items_are_no_targets_where_they_are_never_shown_again(tmp_path):
    log = [
        *_clicks(3),
        event("u", "click", "i1", 5000),
        event("u", "click", "new", 5001),
        event("u", "click", "i2", 5002),
        event("u", "click", "new", 5003),
    ]
    outcome = run(tmp_path, log, split_timestamp=5000, exclude_seen=True)
    assert [e["target_item_ids"] for e in outcome.split("sequence_eval")] == [
        ["new"]
    ]


def test_new_users_are_asked_about_unless_told_not_to(tmp_path):
    log = [
        *_clicks(3),
        event("new", "click", "i1", 5000),
        event("u", "click", "i1", 5001),
    ]
    kept = run(tmp_path / "1", log, split_timestamp=5000)
    left = run(
        tmp_path / "2", log, split_timestamp=5000, eval_empty_history=False
    )
    assert [e["user_id"] for e in kept.split("sequence_eval")] == [
        ["new"],
        ["u"],
    ]
    assert [e["user_id"] for e in left.split("sequence_eval")] == [["u"]]


def test_searches_lead_to_what_follows_in_their_session(tmp_path):
    log = [
        event("u", "search", None, 1000, query="one"),
        event("u", "click", "same second", 1000),
        event("u", "click", "after", 1001),
        event("u", "click", "own", 1002, query="own"),
        event("u", "click", "home", 1003, scene="home"),
        event("u", "click", "scene", 1004, scene="search"),
        # A pause of more than half an hour: another session.
        event("u", "click", "much later", 9000),
        event("u", "click", "end", 9001),
    ]
    outcome = run(tmp_path, log, split_timestamp=9001)
    (history,) = outcome.histories
    assert dict(
        zip(
            history["history_item_ids"], history["history_queries"], strict=True
        )
    ) == {
        "same second": "",
        "after": "one",
        "own": "own",
        "home": "",
        "scene": "one",
        "much later": "",
        "end": "",
    }
    assert outcome.queries == {"one": 1, "own": 1}
    assert outcome.report["sessions"] == 2


def test_a_session_that_ends_cuts_a_step(tmp_path):
    log = [
        event("u", "click", "a", 1000),
        event("u", "buy", "a", 1000 + 1801),
        event("u", "click", "b", 9000),
    ]
    (history,) = run(tmp_path, log, split_timestamp=9000).histories
    assert history["history_item_ids"] == ["a", "a", "b"]
    assert history["history_event_types"] == ["click", "buy", "click"]


def test_ranking_examples_of_a_user_can_be_capped(tmp_path):
    log = [event("u", "impression", f"i{n}", 1000 + n) for n in range(30)]
    log += [event("v", "impression", f"i{n}", 1000 + n) for n in range(3)]
    log += [*_clicks(3), event("u", "click", "i1", 5000)]
    log += [event("u", "impression", "i1", 5000)]
    outcome = run(
        tmp_path, log, split_timestamp=5000, max_ranking_examples_per_user=10
    )
    users = [e["user_id"][0] for e in outcome.split("train")]
    assert (users.count("u"), users.count("v")) == (10, 3)
    assert outcome.report["ranking_examples_over_cap"] == 20


def test_negatives_are_spread_over_the_catalogue(tmp_path):
    items = [{"item_id": f"i{n}"} for n in range(10)]
    log = [event("u", "click", "i3", 1000 + 4000 * n) for n in range(200)]
    outcome = run(tmp_path, log, items=items, num_negatives=5)
    drawn = [
        e["item_id"][0]
        for split in ("train", "eval")
        for e in outcome.split(split)
        if e["label_click"] == [0.0]
    ]
    counts = np.array([drawn.count(f"i{n}") for n in range(10)])
    assert len(drawn) == 1000
    assert counts[3] == 0
    # 111 each are expected, give or take 10.
    assert counts[np.arange(10) != 3].min() > 70
    assert counts.max() < 150
