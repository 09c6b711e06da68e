"""Items tables worked out by hand, and all the ways one can be bad."""

import json

import pyarrow.parquet as pq
import pytest

from components.catalogue.pipeline import CataloguePaths, run_catalogue
from components.catalogue.settings import CatalogueSettings
from schema import loader
from schema.errors import DataError
from schema.settings import SettingsError
from tests.components.behavior_log.small_log import (
    make_pipeline,
    read_split,
    write_table,
)


def _run(folder, *files, **settings):
    paths = CataloguePaths(
        items=write_table(folder / "items", *files),
        catalogue=str(folder / "catalogue"),
        report=str(folder / "report"),
    )
    report = run_catalogue(paths, CatalogueSettings(**settings), make_pipeline)
    assert json.loads((folder / "report/report.json").read_text()) == report
    assert not (folder / "report/work").exists()
    items = read_split(folder / "catalogue")
    return report, {item["item_id"][0]: item for item in items}


def _letters(folder):
    path = folder / "report/dead_letters.parquet"
    return pq.read_table(path).to_pylist()


def test_an_item_keeps_what_is_known(tmp_path):
    row = {
        "item_id": "i7",
        "title": "M330 静音",
        "description": "2.4G",
        "category": "电脑/外设/鼠标",
        "brand": "罗技",
        "shop_id": "shop3",
        "price": 99.0,
        "listed_at": 1_690_000_000,
        "in_stock": 0,
        "tags": ["静音"],
        "image_embedding": [0.5, -1.0],
    }
    _, items = _run(tmp_path, [row])
    assert items["i7"] == {name: [value] for name, value in row.items()} | {
        "tags": ["静音"],
        "image_embedding": [0.5, -1.0],
        "category_inferred": [0],
        "text": ["M330 静音 罗技 鼠标"],
    }


def test_tags_are_kept_once_each_and_stay_with_their_item(tmp_path):
    given = {
        "i1": ["静音", "便携", " 静音 ", "", "静音"],
        "i2": None,
        "i3": ["便携"],
        "i4": [" ", ""],
        "i5": [7, 2024, 7],
    }
    rows = [{"item_id": item, "tags": tags} for item, tags in given.items()]
    many = [
        {"item_id": f"m{n:04d}", "tags": [f"标{n % 7}", f"签{n}"][: n % 3]}
        for n in range(1500)
    ]
    # A column of one file is of one type.
    _, items = _run(tmp_path, rows[:4] + many, rows[4:], num_shards=1)
    found = {item: row["tags"] for item, row in items.items()}
    assert {item: found[item] for item in given} == {
        "i1": ["静音", "便携"],
        "i2": [],
        "i3": ["便携"],
        "i4": [],
        "i5": ["7", "2024"],
    }
    assert all(found[row["item_id"]] == row["tags"] for row in many)


def test_missing_columns_become_unknown_and_fit_the_schema(tmp_path):
    _, items = _run(tmp_path, [{"item_id": "i1"}, {"item_id": "i2"}])
    schema = loader.load("catalogue")
    assert set(items["i1"]) == {feature.name for feature in schema.feature}
    assert items["i2"] == {
        "item_id": ["i2"],
        **{
            name: [""]
            for name in (
                "title",
                "description",
                "category",
                "brand",
                "shop_id",
                "text",
            )
        },
        "price": [-1.0],
        "listed_at": [0],
        "in_stock": [1],
        "category_inferred": [0],
        "tags": [],
        "image_embedding": [],
    }


def test_images_stay_with_their_items(tmp_path):
    images = {"a": [1.0, 2.0], "b": None, "c": [], "d": [3, 4], "e": [0.0, 5.0]}
    rows = [{"item_id": i, "image_embedding": v} for i, v in images.items()]
    # A column of one file is of one type, and may be absent in another.
    files = [*rows[:3], rows[4]], [rows[3]], [{"item_id": "f"}]
    report, items = _run(tmp_path, *files, num_shards=3)
    assert report["items"]["quarantined"] == 0
    assert {i: row["image_embedding"] for i, row in items.items()} == {
        "a": [1.0, 2.0],
        "b": [],
        "c": [],
        "d": [3.0, 4.0],
        "e": [0.0, 5.0],
        "f": [],
    }


def test_images_of_another_width_than_most_are_put_aside(tmp_path):
    """What most is is counted over all files and shards."""
    first = [
        {"item_id": f"i{n}", "image_embedding": [1.0, 2.0, 3.0]}
        for n in range(3)
    ]
    second = [
        {"item_id": f"j{n}", "image_embedding": [1.0, 2.0], "title": f"题{n}"}
        for n in range(5)
    ]
    # It would have been the last row of its id.
    again = [{"item_id": "j0", "image_embedding": [9.0]}]
    plain = [{"item_id": "k"}]
    report, items = _run(
        tmp_path, first, [*second, *plain], again, num_shards=4
    )
    assert report == {
        "items": {"in": 10, "kept": 6, "deduplicated": 0, "quarantined": 4},
        "quarantined_by_reason": {"image_of_other_width": 4},
    }
    assert sorted(items) == [*(f"j{n}" for n in range(5)), "k"]
    assert items["j0"]["image_embedding"] == [1.0, 2.0]
    letters = sorted(_letters(tmp_path), key=lambda one: one["value"])
    assert [(one["source"][-8:], one["row"]) for one in letters] == [
        *(("00000.gz", n) for n in range(3)),
        ("00002.gz", 0),
    ]
    shown = json.loads(letters[0]["value"])
    assert shown["item_id"] == "i0"
    assert shown["image_embedding"] == "3 numbers: [1.0, 2.0, 3.0]"


@pytest.mark.parametrize(
    "image", [[1.0, float("nan")], [float("inf"), 1.0], ["a", "b"]]
)
def test_images_that_are_no_numbers_are_put_aside(tmp_path, image):
    rows = [{"item_id": "i1", "image_embedding": image}]
    good = [{"item_id": "i2", "image_embedding": [1.0, 2.0]}]
    report, items = _run(tmp_path, rows, good)
    assert report["quarantined_by_reason"] == {"bad_image": 1}
    assert list(items) == ["i2"]
    [letter] = _letters(tmp_path)
    assert json.loads(letter["value"])["image_embedding"].startswith("2 num")


def test_the_last_row_of_an_id_wins(tmp_path):
    first = [{"item_id": f"i{n}", "title": f"old {n}"} for n in range(9)]
    again = [{"item_id": "i3", "title": "newer"}]
    last = [
        {"item_id": "i3", "title": "a title in between"},
        {"item_id": "i3", "title": "newest"},
        {"item_id": "i4", "title": "new 4"},
    ]
    report, items = _run(tmp_path, first + again, last, num_shards=3)
    assert report["items"] == {
        "in": 13,
        "kept": 9,
        "deduplicated": 4,
        "quarantined": 0,
    }
    titles = {item: row["title"][0] for item, row in items.items()}
    assert titles == {f"i{n}": f"old {n}" for n in range(9)} | {
        "i3": "newest",
        "i4": "new 4",
    }


def test_bad_items_are_counted_by_reason(tmp_path):
    bad = [
        ({"item_id": ""}, "empty_item_id"),
        ({"item_id": None}, "empty_item_id"),
        ({"title": "长" * 10_000_000}, "title_too_long"),
        ({"title": "长" * 10_001}, "title_too_long"),
        ({"price": -0.01}, "bad_price"),
        ({"price": float("inf")}, "bad_price"),
        ({"price": float("nan")}, "bad_price"),
        ({"brand": b"\xb0\xa2"}, "bad_utf8"),
        ({"tags": ["静音", b"\xb0\xa2", "长" * 10**6]}, "bad_utf8"),
        ({"listed_at": 1_690_000_000_000}, "bad_listed_at"),
        ({"in_stock": -3}, "bad_in_stock"),
    ]
    rows = [{"item_id": "i1", "title": "一"} | change for change, _ in bad]
    good = {"item_id": "i2", "title": "长" * 10_000, "price": 0.0}
    report, items = _run(tmp_path, [*rows, good])
    assert report["items"] == {
        "in": 12,
        "kept": 1,
        "deduplicated": 0,
        "quarantined": 11,
    }
    assert sum(report["quarantined_by_reason"].values()) == 11
    letters = _letters(tmp_path)
    assert [letter["reason"] for letter in letters] == [r for _, r in bad]
    assert [letter["row"] for letter in letters] == list(range(11))
    assert all(len(letter["value"]) < 1000 for letter in letters)
    assert json.loads(letters[8]["value"])["tags"].startswith("静音|�")
    assert items["i2"]["price"] == [0.0]
    assert len(items["i2"]["text"][0]) == 512


def test_numbers_of_a_csv_are_read_as_what_they_mean(tmp_path):
    rows = [
        {"item_id": 100, "title": 2024, "price": 5, "in_stock": "false"},
        {"item_id": 101, "title": 2025, "price": 6, "in_stock": "True"},
    ]
    _, items = _run(tmp_path, rows)
    assert items["100"]["title"] == ["2024"]
    assert items["100"]["price"] == [5.0]
    assert items["100"]["in_stock"] == [0]
    assert items["101"]["in_stock"] == [1]


def test_numbers_in_a_column_of_text(tmp_path):
    rows = [
        {"item_id": "a", "price": "12.5", "listed_at": "1690000000"},
        {"item_id": "b", "price": "twelve"},
        {"item_id": "c", "price": "1", "listed_at": "yesterday"},
    ]
    report, items = _run(tmp_path, rows)
    assert items["a"]["price"] == [12.5]
    assert items["a"]["listed_at"] == [1_690_000_000]
    assert report["quarantined_by_reason"] == {
        "bad_price": 1,
        "bad_listed_at": 1,
    }


def test_all_bad_says_why_and_keeps_the_report(tmp_path):
    rows = [{"item_id": f"i{n}", "price": -5.0} for n in range(7)]
    with pytest.raises(DataError, match=r"none of 7 items .*bad_price: 7.*-5"):
        _run(tmp_path, rows)
    assert len(_letters(tmp_path)) == 7
    assert (tmp_path / "report/report.json").exists()


def test_no_items_says_so(tmp_path):
    with pytest.raises(DataError, match="items table has no rows"):
        _run(tmp_path, [])


def test_bad_settings_name_the_field():
    with pytest.raises(SettingsError, match="num_shards is 0"):
        CatalogueSettings(num_shards=0)
