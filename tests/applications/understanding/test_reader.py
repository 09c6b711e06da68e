import json

import numpy as np
import pyarrow as pa
import pytest

import models  # noqa: F401
from applications.understanding import store
from applications.understanding.reader import INFERRED, ItemReader
from applications.understanding.settings import DuplicateSettings
from models.text.settings import TextSettings
from models.understanding.settings import ClassifierSettings
from schema.errors import DataError
from schema.settings import SettingsError

NAMES = {
    "电脑/鼠标": ("罗技", "无线鼠标"),
    "家电/电饭煲": ("美的", "电饭煲"),
    "服饰/连衣裙": ("伊芙丽", "连衣裙"),
}
SETTINGS = ClassifierSettings(max_epochs=15, batch_size=16, learning_rate=0.1)
TEXT = TextSettings(preprocess="e5-small-zh", encoder="e5-small-zh")


def _encode(texts):
    """The mean of a vector for each character; enough to be some encoder."""
    signs = np.random.default_rng(0).normal(size=(997, 32))
    found = np.zeros((len(texts), 32), np.float32)
    for row, text in enumerate(texts.to_pylist()):
        for sign in text:
            found[row] += signs[ord(sign) % 997]
        found[row] /= max(float(np.linalg.norm(found[row])), 1e-9)
    return found


def _items(each=12):
    rows = []
    for category, (brand, name) in NAMES.items():
        for n in range(each):
            rows.append(
                {
                    "item_id": f"{name}{n}",
                    "title": f"{brand} {name} {n}00ml 红色",
                    "description": f"{name}第{n}款",
                    "category": category,
                    "brand": brand,
                    "tags": ["红色"],
                }
            )
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def reader():
    return ItemReader.learn(
        _items(), _encode, SETTINGS, DuplicateSettings(planted=6)
    )


def test_reads_titles_it_has_not_seen(reader):
    asked = pa.table({"title": ["罗技 M330 无线鼠标", "长袖连衣裙"]})
    read = reader.read(asked, _encode, k=2)
    assert [row[0] for row in read.leaves.categories] == [
        "电脑/鼠标",
        "服饰/连衣裙",
    ]
    assert (read.leaves.chances[:, 0] > read.leaves.chances[:, 1]).all()
    assert read.brands[0].value == "罗技"
    assert read.brands[1] is None


def test_filled_marks_all_as_inferred_and_changes_nothing(reader):
    items = _items(2).append_column("note", pa.array(["x"] * 6))
    both = pa.concat_tables([items, items.slice(0, 1)])
    filled = reader.filled(both, _encode)
    assert filled.select(both.column_names).equals(both)
    assert tuple(filled.column_names[-len(INFERRED) :]) == INFERRED
    assert filled["duplicate_of"].to_pylist() == [None] * 6 + ["无线鼠标0"]
    said = json.loads(filled["inferred_attributes"][1].as_py())
    title = filled["title"][1].as_py()
    assert [one["name"] for one in said] == ["capacity", "colour"]
    assert title[slice(*said[0]["span"])] == "100ml"


def test_a_stored_reader_answers_the_same(reader, tmp_path):
    folder = tmp_path / "reader"
    store.save(store.Stored(reader, TEXT, "abc"), folder)
    found = store.load(folder)
    assert found.fingerprint == "abc"
    assert found.text == TEXT
    asked = pa.table({"title": ["美的 电饭煲", "无线 鼠标", ""]})
    before = reader.read(asked, _encode)
    after = found.reader.read(asked, _encode)
    assert before.leaves.categories == after.leaves.categories
    assert np.array_equal(before.leaves.chances, after.leaves.chances)
    assert before.brands == after.brands
    assert found.reader.twins == reader.twins


def test_a_reader_of_something_else_is_replaced(reader, tmp_path):
    folder = tmp_path / "reader"
    store.save(store.Stored(reader, TEXT, "old"), folder)
    store.save(store.Stored(reader, TEXT, "new"), folder)
    assert store.load(folder).fingerprint == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["reader"]
    (folder / "arrays.npz").write_bytes(b"no")
    with pytest.raises(DataError, match="made anew"):
        store.load(folder)
    assert store.load(tmp_path / "none") is None


def test_one_category_teaches_nothing():
    items = _items(3).slice(0, 3)
    with pytest.raises(DataError, match="1 categories"):
        ItemReader.learn(items, _encode, SETTINGS, DuplicateSettings())


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match="threshold is 2"):
        DuplicateSettings(threshold=2)
