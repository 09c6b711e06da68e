"""What alone may come back, as clients say it."""

import numpy as np
import pytest

from schema.errors import DataError
from serving import calls
from serving.requests import Only, Page, Request


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"categories": "电脑"}, "only categories is '电脑'"),
        ({"brands": ["罗技", ""]}, "only brands is"),
        ({"min_price": -1.0}, "only prices from -1.0 to None"),
        ({"min_price": float("nan")}, "only prices from nan"),
        ({"min_price": 9.0, "max_price": 8.0}, "only prices from 9.0 to 8.0"),
    ],
)
def test_limits_that_nothing_fits_are_refused(limits, message):
    with pytest.raises(DataError, match=message):
        Only(**limits)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"diversity": 1.1}, "diversity is 1.1; needed: 0 to 1"),
        ({"diversity": float("nan")}, "diversity is nan; needed: 0 to 1"),
        ({"max_per_brand": -1}, "max_per_brand is -1; needed: 0 or more"),
    ],
)
def test_pages_that_cannot_be_are_refused(page, message):
    with pytest.raises(DataError, match=message):
        Page(**page)


def test_what_a_page_is_sent_as():
    sent = calls.recommend(Request(), 3, page=Page(max_per_shop=2))
    assert sent["max_per_shop"].tolist() == [2]
    assert sent["explain"].dtype == np.bool_
    assert sent["diversity"].tolist() == [0.0]


def test_each_list_begins_with_an_empty_entry():
    only = Only(shops=["s1", "s2"], max_price=5.0)
    sent = calls.recommend(Request(), 3, ["i1"], only)
    assert sent["only_shops"].tolist() == [["", "s1", "s2"]]
    assert sent["only_brands"].tolist() == [[""]]
    assert sent["max_price"].tolist() == [5.0]
    assert sent["min_price"].dtype == np.float32


def test_limits_hold_for_each_item_that_others_are_to_be_like():
    sent = calls.similar(["i1", "i2"], 3, only=Only(brands=["罗技"]))
    assert sent["only_brands"].tolist() == [["", "罗技"]] * 2
    assert sent["k"].tolist() == [3, 3]
    assert sent["max_price"].shape == (2,)
