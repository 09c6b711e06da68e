"""The catalogue's rules on a file of new items: all rows or none."""

import pathlib

import pyarrow as pa
import pytest

from components.catalogue.settings import CatalogueSettings
from components.item_changes.checking import check
from datasets.tables import conform
from schema.errors import DataError

PATH = pathlib.Path("new.csv")
NOW = 1_800_000_000
GOOD = {
    "item_id": "n1",
    "title": "M330 静音",
    "brand": "罗技",
    "category": "电脑/外设/鼠标",
    "price": 99.0,
    "in_stock": False,
}


def checked(*rows, known=(), replace=False, listed_at=NOW, image_width=0):
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({n: [row.get(n) for row in rows] for n in names})
    return check(
        PATH,
        conform(table, "items"),
        known=set(known),
        replace=replace,
        settings=CatalogueSettings(max_title_characters=20),
        listed_at=listed_at,
        image_width=image_width,
    )


def test_rows_become_rows_of_the_catalogue():
    rows = checked(
        GOOD | {"tags": ["静音", "静音", None, "便携"]},
        {"item_id": "n2", "title": "键盘", "listed_at": 5},
    )
    assert rows["item_id"].to_pylist() == ["n1", "n2"]
    assert rows["text"].to_pylist() == ["M330 静音 罗技 鼠标", "键盘"]
    assert rows["price"].to_pylist() == [99.0, -1.0]
    assert rows["in_stock"].to_pylist() == [0, 1]
    assert rows["listed_at"].to_pylist() == [NOW, 5]
    assert rows["description"].to_pylist() == ["", ""]
    assert rows["tags"].to_pylist() == [["静音", "便携"], []]


def test_without_times_in_the_catalogue_none_is_made_up():
    assert checked(GOOD, listed_at=0)["listed_at"].to_pylist() == [0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": " "}, r"row 2 \(item_id 'n1'\): title is ''; allowed: a te"),
        ({"title": None}, r"row 2 .*title"),
        ({"title": "长" * 21}, r"title is '长+'; allowed: at most 20"),
        ({"price": -1.0}, r"price is '-1.0'; allowed: CNY, a number >= 0"),
        ({"price": float("inf")}, "price is 'inf'"),
        ({"item_id": None}, r"row 2 \(item_id ''\): item_id"),
        ({"item_id": "a\nb"}, "without line breaks"),
        ({"listed_at": 1_700_000_000_000}, "not milliseconds"),
        ({"item_id": "n0"}, r"'n0'; allowed: each id once \(row 1 has it"),
        ({"item_id": "old"}, "allowed: an id that the shop does not have"),
    ],
)
def test_bad_rows_are_named(change, message):
    with pytest.raises(DataError, match=message):
        checked(GOOD | {"item_id": "n0"}, GOOD | change, known={"old"})


def test_images_come_along():
    rows = checked(
        GOOD | {"image_embedding": [0.5, 1.0]},
        GOOD | {"item_id": "n2"},
        image_width=2,
    )
    assert rows["image_embedding"].to_pylist() == [[0.5, 1.0], []]


@pytest.mark.parametrize(
    ("image", "width", "message"),
    [
        ([1.0], 2, r"row 2 .*: image_embedding is '1 numbers'; allowed: 2 num"),
        # Where the catalogue has none, the first says how wide they are.
        ([1.0], 0, r"image_embedding is '1 numbers'; allowed: 3 numbers"),
        ([1.0, float("nan")], 2, r"is '\[1.0, nan\]'; allowed: finite numbers"),
    ],
)
def test_bad_images_are_named(image, width, message):
    first = {"image_embedding": [0.0] * (width or 3), "item_id": "n0"}
    with pytest.raises(DataError, match=message):
        checked(
            GOOD | first, GOOD | {"image_embedding": image}, image_width=width
        )


def test_known_ids_are_replaced_only_when_told():
    rows = checked(GOOD, known={"n1"}, replace=True)
    assert rows.num_rows == 1
    with pytest.raises(DataError, match="--replace"):
        checked(GOOD, known={"n1"})
