import types

import numpy as np
import pytest

from benchmarks.personal_search import comparison
from benchmarks.personal_search.comparison import ndcg, true_ndcg
from benchmarks.personal_search.methods import Popular
from benchmarks.personal_search.searches import find_searches
from models.serving_graph.item_table import CatalogueColumns
from tests.shop_tables import at, read, write

ITEMS = [
    {"item_id": f"i{n}", "title": f"鼠标{n}", "category": f"电脑/{n % 2}"}
    for n in range(5)
]


def _event(user, second, kind, session="s1", **more):
    return {
        "user_id": user,
        "timestamp": at(1) + second,
        "event_type": kind,
        "session_id": session,
        **more,
    }


def _log(folder, events):
    return read(write(folder, events=events, items=ITEMS))


def test_searches_and_what_was_chosen(tmp_path):
    log = _log(
        tmp_path,
        [
            _event("u1", 0, "search", query="旧"),
            _event("u1", 5, "click", item_id="i0"),
            _event("u1", 10, "search", query="鼠标"),
            _event("u1", 11, "impression", item_id="i0"),
            _event("u1", 12, "click", item_id="i1", query="鼠标"),
            _event("u1", 20, "buy", item_id="i2"),
            # Of another query, as the event itself says.
            _event("u1", 21, "click", item_id="i3", query="键盘"),
            # Nothing was chosen after this one.
            _event("u1", 30, "search", query="键盘"),
            # Not of this visit, and of another user.
            _event("u1", 40, "click", session="s2", item_id="i4"),
            _event("u2", 50, "click", item_id="i4"),
            _event("u2", 60, "search", query="耳机"),
            # Beside the search, not behind it.
            _event("u2", 60, "click", item_id="i3"),
            _event("u2", 61, "cart", item_id="i0"),
        ],
    )
    found = find_searches(log, at(1) + 10)
    assert found.query.tolist() == ["鼠标", "耳机"]
    assert found.user.tolist() == [0, 1]
    assert found.session.tolist() == ["s1", "s1"]
    assert (found.timestamp - at(1)).tolist() == [10, 60]
    assert found.chosen == [frozenset({"i1", "i2"}), frozenset({"i0"})]
    assert found.take(np.array([1])).query.tolist() == ["耳机"]
    assert len(find_searches(log, at(2))) == 0


def test_ndcg_by_hand():
    worth = 1 / np.log2(np.arange(2, 12))
    ten = [f"x{n}" for n in range(9)]
    values = ndcg(
        [["a", "b", "c"], [*ten, "a"], [*ten, "x9", "a"], []],
        [frozenset("ac"), frozenset("a"), frozenset("a"), frozenset("a")],
    )
    assert values.tolist() == pytest.approx(
        [(worth[0] + worth[2]) / (worth[0] + worth[1]), worth[9], 0, 0]
    )


def test_lists_by_hand():
    items = types.SimpleNamespace(item_ids=[b"a", b"b", b"c", b"d"])
    vectors = np.array([[1, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    told = comparison._of_lists(
        # An item that came after the training counts, but has no vector.
        [["a", "b"], ["c", "new"]],
        [frozenset("bd"), frozenset({"new"})],
        items,
        vectors,
    )
    second = 1 / np.log2(3)
    assert told == pytest.approx(
        {
            "precision@10": 1 / 10,
            "recall@10": (1 / 2 + 1) / 2,
            "f1@10": (2 / 12 + 2 / 11) / 2,
            "ndcg@10": (second / (1 + second) + second) / 2,
            "coverage@10": 3 / 4,
            "diversity@10": 1.0,
        }
    )


def test_ndcg_by_truth():
    worth = np.array([[0.5, 0.1, 0.2], [0.1, 0.1, 0.1]])
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    values = true_ndcg([["c", "gone", "a"], ["a"]], ["a", "b", "c"], worth)
    best = 0.5 + 0.2 * second + 0.1 * third
    assert values.tolist() == pytest.approx(
        [(0.2 + 0.5 * third) / best, 1 / (1 + second + third)]
    )


def test_popular_counts_what_came_before(tmp_path):
    clicks = {"i0": 1, "i1": 3, "i2": 2, "i3": 9}
    events = [
        _event("u1", 100 * n + 7, "click", item_id=item)
        for item, times in clicks.items()
        for n in range(times)
    ]
    events += [_event("u2", 5000 + n, "click", item_id="i4") for n in range(20)]
    log = _log(tmp_path, events)
    order = ["i4", "i3", "i2", "i1", "i0"]
    texts = [name.encode() for name in order]
    items = CatalogueColumns(
        item_ids=texts,
        titles=texts,
        texts=texts,
        categories=[f"电脑/{int(name[1]) % 2}".encode() for name in order],
        brands=texts,
        shops=texts,
        prices=np.ones(5, np.float32),
        # i3 is sold out.
        in_stock=np.array([True, False, True, True, True]),
    )
    popular = Popular(log, at(1) + 5000, items)
    assert popular.everywhere() == ["i1", "i2", "i0", "i4"]
    assert popular.beside("i4") == ["i2", "i0", "i4"]
    assert popular.beside("i3") == ["i1"]
