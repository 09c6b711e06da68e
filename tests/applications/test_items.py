import pyarrow as pa
import pytest

from applications.items import Item, ItemTable, read_items
from schema.errors import DataError
from tests import small_shop


def test_items_are_read_as_the_catalogue_has_them(tmp_path):
    rows = [
        {
            "item_id": ["i1"],
            "title": ["无线鼠标"],
            "category": ["电脑/外设/鼠标"],
            "brand": ["罗技"],
            "price": [35.9],
            "tags": ["静音", "便携"],
            "in_stock": [0],
        },
        {"item_id": ["i2"], "title": [""], "price": [-1.0]},
    ]
    small_shop.write_examples(tmp_path, "all", rows)
    items = read_items(tmp_path)
    first, second = items
    assert first == Item(
        item_id="i1",
        title="无线鼠标",
        category="电脑/外设/鼠标",
        brand="罗技",
        # As people wrote it, not as a float32 has it.
        price=35.9,
        tags=("静音", "便携"),
        in_stock=False,
    )
    assert first.leaf == "鼠标"
    assert second == Item(item_id="i2")
    assert len(items) == 2
    assert items.brands() == {"罗技"}
    assert items.find(["i2", "gone"]) == {"i2": second}


def test_a_category_that_was_inferred_is_no_fact(tmp_path):
    rows = [
        {
            "item_id": [f"i{mark}"],
            "title": ["无线鼠标"],
            "category": ["电脑/外设/鼠标"],
            "category_inferred": [mark],
        }
        for mark in (0, 1)
    ]
    small_shop.write_examples(tmp_path, "all", rows)
    said, inferred = read_items(tmp_path)
    assert said.leaf == "鼠标"
    assert inferred == Item(item_id="i1", title="无线鼠标")


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no examples"):
        read_items(tmp_path)
    path = tmp_path / "Split-all" / "data.gz"
    path.parent.mkdir()
    path.write_bytes(b"not a record")
    with pytest.raises(DataError, match="cannot be read"):
        read_items(tmp_path)


def test_a_table_may_lack_values():
    table = pa.table(
        {
            "item_id": ["i1"],
            "title": ["x"],
            "description": pa.array([None], pa.string()),
            "category": [None],
            "brand": pa.array([None], pa.string()),
            "price": pa.array([None], pa.float32()),
            "tags": pa.array([None], pa.list_(pa.string())),
            "in_stock": pa.array([None], pa.bool_()),
        }
    )
    assert list(ItemTable(table)) == [Item(item_id="i1", title="x")]
    assert ItemTable(table).brands() == frozenset()
