"""Cells that are given stand in for what the catalogue has."""

import pathlib

import pyarrow as pa
import pytest

from components.item_changes.merging import keep_marks, merge
from datasets.tables import conform
from schema.errors import DataError
from tests import small_shop

PATH = pathlib.Path("prices.csv")


def catalogue(**values):
    features = {
        "item_id": ["i1"],
        "title": ["无线鼠标"],
        "description": [""],
        "category": ["电脑/外设"],
        "brand": ["罗技"],
        "shop_id": ["s1"],
        "tags": ["静音", "便携"],
        "text": ["无线鼠标 罗技 外设"],
        "price": [99.0],
        "listed_at": [5],
        "in_stock": [1],
    }
    return {b"i1": small_shop.serialize(features | values)}


def merged(row, there):
    given = conform(
        pa.Table.from_pylist([{"item_id": "i1", "title": None} | row]), "items"
    )
    return merge(PATH, given, there).to_pylist()[0]


def test_what_is_not_given_stays():
    row = merged({"price": 79.0, "in_stock": False}, catalogue())
    assert row == {
        "item_id": "i1",
        "title": "无线鼠标",
        "description": "",
        "category": "电脑/外设",
        "brand": "罗技",
        "shop_id": "s1",
        "price": 79.0,
        "listed_at": 5,
        "tags": ["静音", "便携"],
        "image_embedding": None,
        "in_stock": False,
    }


def test_what_is_given_stands_in():
    row = merged({"title": "有线鼠标", "tags": ["办公"]}, catalogue())
    assert (row["title"], row["tags"]) == ("有线鼠标", ["办公"])
    assert (row["price"], row["in_stock"]) == (99.0, True)


def test_an_image_stays_until_another_is_given():
    there = catalogue(image_embedding=[0.5, 1.0])
    assert merged({"price": 79.0}, there)["image_embedding"] == [0.5, 1.0]
    given = {"image_embedding": [2.0, 3.0]}
    assert merged(given, there)["image_embedding"] == [2.0, 3.0]


def test_unknown_values_stay_unknown():
    row = merged(
        {}, catalogue(price=[-1.0], listed_at=[0], tags=[], image_embedding=[])
    )
    assert (row["price"], row["listed_at"]) == (None, None)
    assert row["image_embedding"] is None
    assert not row["tags"]


@pytest.mark.parametrize("item_id", ["i2", None])
def test_items_that_are_not_there_are_named(item_id):
    with pytest.raises(DataError, match=r"row 1 .* an id that the shop has"):
        merged({"item_id": item_id}, catalogue())


@pytest.mark.parametrize(
    ("category", "inferred", "mark"),
    [(None, 1, 1), (None, 0, 0), ("电脑/鼠标", 1, 0)],
)
def test_a_category_stays_inferred_until_somebody_says_it(
    category, inferred, mark
):
    there = catalogue(category_inferred=[inferred])
    given = pa.table(
        {"item_id": ["i1"], "category": pa.array([category], pa.string())}
    )
    rows = pa.table({"item_id": ["i1"], "category_inferred": [0]})
    found = keep_marks(rows, given, there)
    assert found["category_inferred"].to_pylist() == [mark]
    # Catalogues of older runs have no mark.
    old = keep_marks(rows, given, catalogue())
    assert old["category_inferred"].to_pylist() == [0]
