"""What a request lets through."""

import numpy as np
import pytest
import tensorflow as tf

from models.index.allowed import Allowed
from models.serving_graph import filters
from models.serving_graph.campaigns import Campaigns
from models.serving_graph.filters import Filters
from models.serving_graph.item_table import CatalogueColumns

PATHS = ["家电/厨房/电饭煲", "家电/厨房", "家电厨房", "服饰/女装", ""]
BRANDS = ["美的", "苏泊尔", "美的", "", "无印"]
SHOPS = ["s1", "s2", "s1", "s3", ""]
# A category and an item of it, items, an unknown item, nothing.
SCOPES = {"k1": ["家电/厨房", "a"], "k2": ["e", "zz"], "k3": [], "k4": ["服饰"]}
PRICES = [300.0, 0.0, 50.0, -1.0, 99.5]


def table():
    def encoded(texts):
        return [text.encode() for text in texts]

    columns = CatalogueColumns(
        item_ids=encoded("abcde"),
        titles=encoded(PATHS),
        texts=[],
        categories=encoded(PATHS),
        brands=encoded(BRANDS),
        shops=encoded(SHOPS),
        prices=np.array(PRICES, np.float32),
        in_stock=np.ones(5, bool),
    )
    scopes = {name.encode(): encoded(scope) for name, scope in SCOPES.items()}
    return Filters(columns, Campaigns(columns, scopes))


def fitting(rows=(-1,), **asked):
    """Returns the rows that one request lets through."""
    inputs = {name: tf.constant([[""]]) for name in filters.LISTS}
    inputs |= {
        filters.MIN_PRICE: tf.constant([filters.NO_MIN]),
        filters.MAX_PRICE: tf.constant([filters.NO_MAX]),
    }
    for name, value in asked.items():
        inputs[name] = tf.constant([value])
    mask = tf.function(table().mask)(inputs, tf.constant([rows], tf.int32))
    # No columns where nothing is asked for, so that it costs nothing.
    assert asked or mask.shape[1] == 0
    allowed = Allowed.fitting(mask).mask(len(PATHS))
    return np.flatnonzero(allowed.numpy()[0]).tolist()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        # A level, not the beginning of a word; itself and what is below.
        ({"only_categories": ["", "家电"]}, [0, 1]),
        ({"only_categories": ["家电/厨房/电饭煲"]}, [0]),
        ({"only_categories": ["家电/厨房", "服饰"]}, [0, 1, 3]),
        ({"only_categories": ["家电/"]}, []),
        ({"only_categories": ["玩具"]}, []),
        ({"only_brands": ["美的"]}, [0, 2]),
        ({"only_brands": ["美的", "无印"], "only_shops": ["s1"]}, [0, 2]),
        ({"only_shops": ["s9"]}, []),
        ({"only_campaigns": ["", "k1"]}, [0, 1]),
        ({"only_campaigns": ["k2", "k4", "k2"]}, [3, 4]),
        ({"only_campaigns": ["k1"], "only_brands": ["苏泊尔"]}, [1]),
        ({"only_campaigns": ["k3"]}, []),
        ({"only_campaigns": ["no such campaign"]}, []),
        # An unknown price fits no limit, a price of 0 does.
        ({"max_price": 99.5}, [1, 2, 4]),
        ({"min_price": 0.5}, [0, 2, 4]),
        ({"min_price": 60.0, "max_price": 50.0}, []),
        ({"min_price": -5.0}, [0, 1, 2, 3, 4]),
        ({"max_price": np.float32(np.inf)}, [0, 1, 2, 3, 4]),
        ({"only_item_ids": ["", "b", "d"], "rows": [-1, 1, 3]}, [1, 3]),
        ({"only_item_ids": ["zz"], "rows": [-1]}, []),
        (
            {
                "only_categories": ["家电"],
                "only_brands": ["美的"],
                "max_price": 299.0,
            },
            [],
        ),
    ],
)
def test_what_fits(asked, expected):
    assert fitting(**asked) == expected


def test_each_request_of_a_batch_has_its_own():
    inputs = {name: tf.constant([[""], [""], [""]]) for name in filters.LISTS}
    inputs["only_brands"] = tf.constant([["", "美的"], ["", ""], ["无印", ""]])
    inputs["only_campaigns"] = tf.constant([["", "k1"], ["", ""], ["", "k2"]])
    inputs |= {
        filters.MIN_PRICE: tf.constant([0.0, 60.0, 0.0]),
        filters.MAX_PRICE: tf.constant([filters.NO_MAX] * 3),
    }
    mask = table().mask(inputs, tf.fill([3, 1], -1)).numpy()
    found = [np.flatnonzero(row).tolist() for row in mask]
    assert found == [[0], [0, 4], [4]]


def test_a_shop_without_categories_fits_no_category():
    columns = CatalogueColumns(
        item_ids=[b"a"],
        titles=[b""],
        texts=[],
        categories=[b""],
        brands=[b""],
        shops=[b""],
        prices=np.array([-1.0]),
        in_stock=np.ones(1, bool),
    )
    empty = Filters(columns, Campaigns(columns, {}))
    assert empty.categories.numpy().tolist() == [[0]]
