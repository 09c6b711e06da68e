import numpy as np
import pytest

from applications import chances
from applications.logged_pages import read_pages, read_questions
from schema.errors import DataError
from tests import small_shop


def _row(user, when, item, position, clicked, **given):
    row = small_shop.behaviour(["i3", "i6"])
    row |= {
        "user_id": [user],
        "session_id": [f"s-{user}"],
        "timestamp": [when],
        "item_id": [item],
        "position": [position],
        "label_click": [float(clicked)],
        "weight": [1.0],
        "scene": ["home"],
    }
    return row | given


@pytest.fixture
def examples(tmp_path):
    small_shop.write_examples(
        tmp_path,
        "eval",
        [
            _row("u2", 50, "i9", 1, False),
            _row("u1", 40, "i1", 0, True),
            _row("u2", 50, "i7", 0, True),
            # The same second, but a search.
            _row("u2", 50, "i8", 0, False, query=["鼠标"], scene=["search"]),
        ],
    )
    return str(tmp_path)


def test_pages_in_the_order_of_time(examples):
    pages = read_pages(examples, "click")
    assert pages.user_ids.tolist() == ["u1", "u2", "u2"]
    assert pages.timestamps.tolist() == [40, 50, 50]
    assert [r.query for r in pages.requests] == ["", "", "鼠标"]
    assert pages.requests[1].history_item_ids == ["i3", "i6"]
    assert pages.requests[1].history_timestamps == [1, 2]
    assert pages.requests[1].city == "杭州"
    assert pages.page.tolist() == [0, 1, 1, 2]
    assert pages.item_ids.tolist() == ["i1", "i7", "i9", "i8"]
    assert pages.positions.tolist() == [0, 0, 1, 0]
    assert pages.clicked.tolist() == [True, True, False, False]


def test_some_pages(examples):
    some = read_pages(examples, "click").only(np.array([True, False, True]))
    assert len(some) == 2
    assert some.page.tolist() == [0, 1]
    assert some.item_ids.tolist() == ["i1", "i8"]
    assert [r.query for r in some.requests] == ["", "鼠标"]


def test_log_without_impressions_is_refused(tmp_path):
    small_shop.write_examples(
        tmp_path, "eval", [_row("u", 1, "i1", -1, True, weight=[5.0])]
    )
    with pytest.raises(DataError, match="no impressions"):
        read_pages(str(tmp_path), "click")
    with pytest.raises(DataError, match="split 'train' has no files"):
        read_pages(str(tmp_path), "click", "train")


def test_questions(tmp_path):
    rows = [
        _row(f"u{n}", n, "", -1, False, target_item_ids=[f"i{n}"])
        for n in range(9)
    ]
    small_shop.write_examples(tmp_path, "sequence_eval", rows)
    every = read_questions(str(tmp_path), "click", 100, 0)
    assert every.targets.tolist() == [f"i{n}" for n in range(9)]
    some = read_questions(str(tmp_path), "click", 4, 0)
    assert len(some) == 4
    assert [r.timestamp for r in some.requests] == some.timestamps.tolist()
    assert [t[1:] for t in some.targets] == [u[1:] for u in some.user_ids]
    other = read_questions(str(tmp_path), "click", 4, 1)
    assert some.targets.tolist() != other.targets.tolist()


class Model:
    """Answers `rank` as a servable does: in its order, some left out."""

    def rank(self, request, item_ids):
        number = [int(item[1:]) for item in item_ids]
        kept = [n for n in sorted(number, reverse=True) if n % 10]
        empty = len(number) - len(kept)
        ids = [f"i{n}".encode() for n in kept] + [b""] * empty
        return {
            "item_ids": np.array([ids], object),
            "p_click": np.array(
                [[n / 1000 + request.timestamp for n in kept] + [0.0] * empty]
            ),
        }


def test_chances_stand_where_items_were_asked_about(examples):
    pages = read_pages(examples, "click")
    own, others = chances.ask_pages(
        Model(), pages, "click", ["i20", "i7", "i1"]
    )
    assert own.tolist() == pytest.approx([40.001, 50.007, 50.009, 50.008])
    assert np.isnan(others[:, 0]).all()
    assert others[:, 1].tolist() == pytest.approx([40.007, 50.007, 50.007])
    assert others[:, 2].tolist() == pytest.approx([40.001, 50.001, 50.001])


def test_unknown_head_is_named(examples):
    pages = read_pages(examples, "click")
    with pytest.raises(DataError, match="no ranking head 'join'; it has cli"):
        chances.ask_page(Model(), pages.requests[0], ["i1"], "join")
