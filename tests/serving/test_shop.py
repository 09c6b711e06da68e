"""What stands on the servable asks a real one: reasons, search, similar."""

import pytest

from applications.copywriting.copywriter import Copywriter
from applications.copywriting.explaining import explain
from applications.items import read_items
from applications.shop import Shop
from serving.in_process import Recommender
from serving.requests import Only, Request
from tests import small_shop


@pytest.fixture(scope="module")
def shop(shop_servable):
    return Shop(Recommender(shop_servable))


@pytest.fixture(scope="module")
def items(shop_servable):
    return read_items(shop_servable.parent / "catalogue")


def test_answers_are_lists_of_what_was_found(shop):
    found = shop.search(Request(query="电饭煲"), 5, Only(max_price=100))
    assert len(found) == 5
    assert all(int(one.item_id[1:]) <= 100 for one in found)
    assert all(one.reason == "" for one in found)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    # Nothing is that cheap: empty slots are left out.
    assert shop.search(Request(query="电饭煲"), 5, Only(max_price=0.5)) == []
    similar = shop.similar("i1", 3)
    assert {int(one.item_id[1:]) % 3 for one in similar} == {1}


def test_reasons_are_told_with_what_the_user_did(shop, items):
    bought = Request(
        history_item_ids=["i3", "i3"],
        history_event_types=["click", "buy"],
        history_queries=["", ""],
        history_timestamps=[1, 2],
        timestamp=3,
    )
    told = explain(shop, bought, items, Copywriter(), k=5)
    assert len(told) == 5
    by_history = [one for one in told if one.why.kind == "history"]
    assert by_history
    for one in by_history:
        assert one.why.other.item_id == "i3"
        assert one.why.done == "购买"
        assert "购买过「" in one.text.text or "浏览记录" in one.text.text


def test_one_item_may_be_asked_about(shop, items):
    [told] = explain(
        shop, small_shop.MICE, items, Copywriter(), k=5, item_id="i1"
    )
    assert told.item.item_id == "i1"
    assert told.item.title in told.text.text or told.item.leaf in (
        told.text.text
    )
