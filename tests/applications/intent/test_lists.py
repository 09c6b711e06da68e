import xml.etree.ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from applications.intent import calibration, lists
from tests.applications.intent.small import DAY, known, walked


def _none(rows):
    return np.zeros((len(rows), 1), np.int64), np.zeros((len(rows), 1))


def _predicted(*rows):
    return pa.Table.from_pylist(
        [
            {"user_id": user, "item_id": item, "probability": chance}
            for user, item, chance in rows
        ]
    )


LOG = walked(
    ("u1", "a1", "click", 10),
    ("u1", "b1", "click", 20),
    ("u1", "a1", "cart", 30),
    ("u2", "b1", "click", 40),
    ("u2", "a2", "buy", 50),
)


def test_browsed_and_alike_are_ordered_by_chance_and_preference():
    def similar(rows):
        # Everything is like a2, and half as likely.
        return np.full((len(rows), 1), 2), np.full((len(rows), 1), 0.5)

    found = lists.recommend(
        _predicted(("u1", "a1", 0.4), ("u1", "b1", 0.4), ("u2", "b1", 0.2)),
        LOG,
        known(),
        similar,
        at=DAY,
        k=10,
    ).to_pylist()
    mine = [row for row in found if row["user_id"] == "u1"]
    assert [row["place"] for row in mine] == [1, 2, 3]
    # As likely as b1, and of the category that u1 put into the cart.
    assert mine[0]["item_id"] == "a1"
    assert {row["item_id"] for row in mine} == {"a1", "b1", "a2"}
    (alike,) = [row for row in mine if row["recall"] == "similar"]
    assert alike["item_id"] == "a2"
    assert alike["probability"] == pytest.approx(0.2)
    for row in mine:
        assert row["score"] == pytest.approx(
            row["probability"] * row["preference"], rel=1e-5
        )
    # u2 has bought a2.
    other = [row["item_id"] for row in found if row["user_id"] == "u2"]
    assert other == ["b1"]


def test_lists_are_cut_and_without_like_items_only_browsed():
    found = lists.recommend(
        _predicted(("u1", "a1", 0.4), ("u1", "b1", 0.3)),
        LOG,
        known(),
        _none,
        at=DAY,
        k=1,
    )
    assert found["item_id"].to_pylist() == ["a1"]
    assert found["because"].to_pylist() == ["a1"]


def test_preferences_are_of_the_past_alone():
    content = known()
    early = lists.Preferences.of(LOG, content, 25)
    assert early.categories[0].tolist() == pytest.approx(
        [0, 0.5, 0.5], abs=1e-4
    )
    assert early.categories[1].sum() == 0
    late = lists.Preferences.of(LOG, content, DAY)
    assert late.categories[0][1] == pytest.approx(0.8, abs=1e-3)


def test_cooccurrence_is_a_cosine_over_users():
    near, alike = lists.alike_by_cooccurrence(LOG, known(), DAY, k=3)(
        np.array([3])
    )
    # b1 was seen by both users, a1 and a2 by one of them each.
    assert set(near[0, :2].tolist()) == {1, 2}
    assert alike[0, :2] == pytest.approx([2**-0.5] * 2)


def test_bins_hold_equal_numbers_and_say_what_came():
    chances = np.array([0.1, 0.9, 0.2, 0.8], np.float32)
    labels = np.array([0, 1, 0, 0])
    found = calibration.bins(labels, chances, most=2)
    assert [one.count for one in found] == [2, 2]
    assert found[1].predicted == pytest.approx(0.85)
    assert found[1].observed == pytest.approx(0.5)
    told = calibration.figures(labels, chances)
    assert told["auc"] == pytest.approx(1.0)
    assert told["calibration_error"] == pytest.approx(
        np.abs(np.array([0.1, 0.2, 0.8, 0.1])).mean(), abs=1e-6
    )
    drawn = ET.fromstring(calibration.plot(found, "bought"))
    circles = [e for e in drawn.iter() if e.tag.endswith("circle")]
    assert len(circles) == 2
