import pytest
import tensorflow as tf

from cli.catalogue import Catalogue, Item
from schema.errors import DataError

ITEMS = [
    ("i001", "无线鼠标", "电脑/外设/鼠标", 99.0),
    ("i002", "", "", -1.0),
    ("i013", "键盘", "电脑/外设/键盘", 0.0),
]


def _feature(value):
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(
        bytes_list=tf.train.BytesList(value=[value.encode()])
    )


@pytest.fixture
def folder(tmp_path):
    split = tmp_path / "Split-all"
    split.mkdir()
    for shard, rows in enumerate((ITEMS[:2], ITEMS[2:])):
        path = split / f"data_tfrecord-{shard:05d}-of-00002.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in rows:
                names = ("item_id", "title", "category", "price")
                example = tf.train.Example(
                    features=tf.train.Features(
                        feature={
                            name: _feature(value)
                            for name, value in zip(names, row, strict=True)
                        }
                    )
                )
                writer.write(example.SerializeToString())
    return tmp_path


def test_items_of_all_shards_are_found(folder):
    found = Catalogue(folder).items(["i013", "i001", "i002", "nosuch"])
    assert found == {
        "i001": Item(
            item_id="i001",
            title="无线鼠标",
            category="电脑/外设/鼠标",
            price=99.0,
        ),
        "i002": Item(item_id="i002"),
        "i013": Item(
            item_id="i013", title="键盘", category="电脑/外设/键盘", price=0.0
        ),
    }


def test_near_ids_come_nearest_first(folder):
    assert Catalogue(folder).near("i0013")[0] == "i013"
    assert Catalogue(folder).near("完全不同") == []


def test_a_folder_without_examples_is_named(tmp_path):
    with pytest.raises(DataError, match=r"Split-all"):
        Catalogue(tmp_path)


def test_a_broken_file_is_named(folder):
    for file in folder.glob("*/*.gz"):
        file.write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"cannot be read"):
        Catalogue(folder)
