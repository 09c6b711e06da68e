"""Categories that items lack, told by the words of those that have one."""

import json

import numpy as np
import pyarrow as pa
import pytest

from components.item_understanding import records
from components.item_understanding.filling import (
    ItemUnderstandingPaths,
    run_item_understanding,
)
from components.item_understanding.learning import Teller
from components.item_understanding.settings import ItemUnderstandingSettings
from schema.settings import SettingsError
from tests.components.behavior_log.small_log import read_file, write_table

LEAVES = {
    "电脑/外设/鼠标": ("无线鼠标", "静音鼠标", "游戏鼠标"),
    "家电/厨房/电饭煲": ("电饭煲", "迷你电饭锅", "智能电饭煲"),
    "服饰/女装/连衣裙": ("连衣裙", "碎花长裙", "收腰连衣裙"),
}
FEWEST = ItemUnderstandingSettings(min_items=20)


def item(number, leaf, **changes):
    names = LEAVES[leaf]
    return {
        "item_id": f"i{number:04d}",
        "title": f"品牌{number % 7} {names[number % 3]} {number}号",
        "description": "",
        "category": leaf,
        "brand": f"品牌{number % 7}",
        "shop_id": "s1",
        "tags": ["新品", "包邮"][: number % 3],
        "text": "-",
        "price": 9.5,
        "listed_at": number,
        "in_stock": 1,
        "category_inferred": 0,
    } | changes


def shop(count, hidden=()):
    leaves = list(LEAVES)
    rows = [item(number, leaves[number % 3]) for number in range(count)]
    return [
        row | ({"category": ""} if number in hidden else {})
        for number, row in enumerate(rows)
    ]


def run(folder, *files, settings=FEWEST, name="understood", characters=512):
    given = write_table(folder / "catalogue", *files)
    told = run_item_understanding(
        ItemUnderstandingPaths(
            catalogue=given,
            understood=str(folder / name),
            report=str(folder / "report"),
        ),
        settings,
        characters,
    )
    report = json.loads((folder / "report" / "report.json").read_text())
    assert report == {"categories": told}
    return told


def raw(folder):
    """Returns the serialised examples of each file."""
    files = sorted((folder / "Split-all").iterdir())
    return {
        file.name: [
            example
            for examples, _ in records.read(str(file))
            for example in examples
        ]
        for file in files
    }


def rows_of(folder):
    files = sorted((folder / "Split-all").iterdir())
    rows = [row for file in files for row in read_file(file)]
    return {row["item_id"][0]: row for row in rows}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Two files; twelve items lack a category, one of them says nothing."""
    folder = tmp_path_factory.mktemp("filled")
    rows = shop(180, hidden=range(0, 180, 16))
    rows[16] |= {"title": "", "brand": "", "text": ""}
    told = run(folder, rows[:100], rows[100:])
    return folder, rows, told


def test_missing_categories_are_filled_in_and_marked(filled):
    folder, rows, told = filled
    assert (told["known"], told["lacking"]) == (168, 12)
    assert (told["held_out"], told["learned_from"]) == (34, 168)
    assert told["leaves"] == 3
    assert told["accuracy"] == told["precision"] == 1
    found = rows_of(folder / "understood")
    marked = [i for i, row in found.items() if row["category_inferred"] == [1]]
    # Of all that say anything; some may be less sure than any held out.
    assert told["filled"] == len(marked) >= 9
    assert set(marked) <= {f"i{number:04d}" for number in range(0, 180, 16)}
    assert found["i0016"]["category"] == [""]
    for item_id in marked:
        row, number = found[item_id], int(item_id[1:])
        truth = list(LEAVES)[number % 3]
        assert row["category"] == [truth]
        leaf = truth.rpartition("/")[2]
        title = rows[number]["title"]
        said = title if leaf in title else f"{title} {leaf}"
        assert row["text"] == [said]


def test_items_with_a_category_keep_every_byte_and_their_place(filled):
    folder, rows, _ = filled
    before, after = raw(folder / "catalogue"), raw(folder / "understood")
    assert before.keys() == after.keys()
    number = kept = 0
    for name, examples in before.items():
        assert len(examples) == len(after[name])
        for one, other in zip(examples, after[name], strict=True):
            if rows[number]["category"]:
                assert one == other
                kept += 1
            number += 1
    assert kept == 168


def test_only_category_text_and_mark_of_an_item_change(filled):
    folder, _, _ = filled
    before, after = (
        rows_of(folder / name) for name in ("catalogue", "understood")
    )
    changed = {"category", "category_inferred", "text"}
    for item_id, row in before.items():
        assert row.keys() == after[item_id].keys()
        for name in row.keys() - changed:
            assert row[name] == after[item_id][name]


def test_the_same_items_give_the_same_bytes(filled):
    folder, rows, told = filled
    again = run(folder, rows[:100], rows[100:], name="again")
    assert again == told
    assert raw(folder / "again") == raw(folder / "understood")


def test_a_text_that_holds_the_answer_teaches_nothing(tmp_path):
    """Titles of chance; text, brand, shop and tags all name the leaf."""
    rng = np.random.default_rng(0)
    signs = [chr(0x4E00 + n) for n in range(3000)]
    rows = [
        row
        | {
            "title": "".join(rng.choice(signs, 6)),
            "text": f"{leaf} {leaf}",
            "brand": leaf,
            "shop_id": leaf,
            "tags": [leaf],
        }
        for number in range(180)
        for leaf in [list(LEAVES)[number % 3]]
        for row in [item(number, leaf)]
    ]
    for row in rows[::10]:
        row["category"] = ""
    told = run(tmp_path, rows)
    assert told["accuracy"] < 0.6
    assert told["threshold"] is None
    assert (told["lacking"], told["filled"]) == (18, 0)
    assert raw(tmp_path / "understood") == raw(tmp_path / "catalogue")


@pytest.mark.parametrize(
    ("count", "hidden", "why"),
    [
        (60, (), "no item lacks a category"),
        (60, range(45), "15 items have a category; needed to learn from: 20"),
    ],
)
def test_where_nothing_can_be_told_all_passes_through(
    tmp_path, count, hidden, why
):
    told = run(tmp_path, shop(count, hidden))
    assert told == {
        "known": count - len(hidden),
        "lacking": len(hidden),
        "filled": 0,
        "why_not": why,
    }
    assert raw(tmp_path / "understood") == raw(tmp_path / "catalogue")


def test_one_category_tells_nothing(tmp_path):
    rows = [item(n, "电脑/外设/鼠标") for n in range(40)]
    rows[3]["category"] = " "
    told = run(tmp_path, rows)
    assert told["why_not"] == "the items have one category in all"
    assert told["lacking"] == 1


def test_what_is_read_is_drawn_by_id_not_by_place():
    ids = [f"i{number}" for number in range(50)]
    tables = [
        pa.table({"item_id": order})
        for order in (ids, ids[::-1], sorted(ids, key=hash))
    ]
    drawn = [
        records.few([table], 10)["item_id"].to_pylist() for table in tables
    ]
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(set(drawn[0])) == 10
    parts = [tables[0].slice(0, 20), tables[0].slice(20)]
    assert records.few(parts, 10)["item_id"].to_pylist() == drawn[0]


def test_most_items_bound_what_is_learned_from(tmp_path):
    settings = ItemUnderstandingSettings(min_items=20, max_items=30)
    told = run(tmp_path, shop(90, range(5)), shop(90)[45:], settings=settings)
    assert told["known"] == 85 + 45
    assert (told["learned_from"], told["held_out"]) == (30, 6)


def test_weights_are_bounded_where_leaves_are_many():
    rows = shop(60)
    known = pa.table(
        {
            name: [row[name] for row in rows]
            for name in ("title", "description", "category")
        }
    )
    bounded = ItemUnderstandingSettings(min_items=20, max_weights=300)
    widths = [
        len(Teller.learn(known, settings).leaves.known.buckets)
        for settings in (FEWEST, bounded)
    ]
    assert widths[0] > 100 >= widths[1] > 0


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match=r"precision is 1\.0"):
        ItemUnderstandingSettings(precision=1.0)
    with pytest.raises(SettingsError, match="held_out_share is 0"):
        ItemUnderstandingSettings(held_out_share=0)
    with pytest.raises(SettingsError, match="max_items is 100; allowed: at le"):
        ItemUnderstandingSettings(max_items=100)
