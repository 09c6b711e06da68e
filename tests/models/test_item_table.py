"""The item table: rows, unknown items, text vectors."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.catalogue_files import (
    align,
    first_words,
    read_items,
    read_text_vectors,
)
from models.features import ITEM_FEATURES, MAX_TAGS
from models.item_table import ItemTable
from schema.errors import DataError


def write_items(path, ids, tags=((),)):
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for number, item_id in enumerate(ids):
            made = {}
            for f in ITEM_FEATURES:
                if f.name == "item_id":
                    value = tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[item_id.encode()])
                    )
                elif f.is_list:
                    found = tags[number % len(tags)]
                    value = tf.train.Feature(
                        int64_list=tf.train.Int64List(value=found)
                    )
                elif f.dtype == "float32":
                    value = tf.train.Feature(
                        float_list=tf.train.FloatList(value=[number])
                    )
                else:
                    value = tf.train.Feature(
                        int64_list=tf.train.Int64List(value=[number])
                    )
                made[f.name] = value
            features = tf.train.Features(feature=made)
            writer.write(
                tf.train.Example(features=features).SerializeToString()
            )
    return [str(path)]


@pytest.fixture
def table(tmp_path):
    columns = read_items(write_items(tmp_path / "x.gz", ["乙", "b", "a"]))
    text = align(
        columns["item_id"], np.array([b"b"], object), np.array([[0.5, 2.0]])
    )
    return ItemTable(columns, text, str(tmp_path / "ids.txt"))


def test_rows_are_in_order_of_ids(table):
    assert table.item_ids().numpy().tolist() == [b"a", b"b", "乙".encode()]
    rows = table.lookup(tf.constant([["乙", "nobody"], ["", "a"]]))
    assert rows.dtype == tf.int32
    assert rows.numpy().tolist() == [[2, -1], [-1, 0]]


def test_features_belong_to_their_rows(table):
    found = table.features(tf.constant([[2, -1], [0, 1]]))
    # Written as number 0, 1, 2 in the order 乙, b, a.
    assert found["brand_index"].numpy().tolist() == [[0, 0], [2, 1]]
    assert found["log_price"].numpy().tolist() == [[0, 0], [2, 1]]
    assert found["text"].numpy().tolist() == [
        [[0, 0], [0, 0]],
        [[0, 0], [0.5, 2]],
    ]
    assert table.listed(tf.constant([0, -1])).numpy().tolist() == [2, 0]


def test_tags_fill_a_row_from_its_start(tmp_path, caplog):
    """Of too many, the most frequent stay: the smallest indices."""
    many = [*range(40, 40 - MAX_TAGS, -1), 3, 99]
    tags = [[7, 0, 2, 0], [], many]
    files = write_items(tmp_path / "x.gz", ["a", "b", "c"], tags)
    columns = read_items(files)
    assert columns["tags_index"].tolist() == [
        [2, 7, *[0] * (MAX_TAGS - 2)],
        [0] * MAX_TAGS,
        sorted(many)[:MAX_TAGS],
    ]
    assert f"1 items have more than {MAX_TAGS} tags" in caplog.text
    table = ItemTable(columns, np.zeros([3, 0]), str(tmp_path / "ids.txt"))
    found = table.features(tf.constant([[0], [-1]]))["tags_index"].numpy()
    assert found.shape == (2, 1, MAX_TAGS)
    assert found[0, 0, :3].tolist() == [2, 7, 0]
    assert not found[1].any()


def test_as_many_tags_as_there_is_room_for_are_no_warning(tmp_path, caplog):
    full = [*range(1, MAX_TAGS + 1), 0, 0]
    read_items(write_items(tmp_path / "x.gz", ["a"], [full]))
    assert not caplog.text


def test_no_words_at_all_are_rows_of_padding():
    nothing = tf.SparseTensor(
        tf.zeros([0, 2], tf.int64), tf.zeros([0], tf.int64), [2, 0]
    )
    assert first_words(nothing, 3).numpy().tolist() == [[0] * 3] * 2


def test_an_id_counts_as_known_where_training_sees_it(table):
    table.set_choices(np.array([0, 5, 1]))
    trained = table.features(tf.constant([-1, 0, 1, 2]))["trained"]
    assert trained.numpy().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("ids", [["a", "a"], ["a", ""], ["a\nb"], []])
def test_bad_catalogues_are_refused(tmp_path, ids):
    files = write_items(tmp_path / "x.gz", ids)
    with pytest.raises(DataError, match="catalogue"):
        read_items(files)


def test_text_vectors_must_be_of_the_encoders_dimension(
    tmp_path, write_text_vectors
):
    write_text_vectors(tmp_path / "good", 2, items={"茶": [1, 2]})
    keys, vectors, encoder = read_text_vectors(
        str(tmp_path / "good"), "item_id"
    )
    assert keys.tolist() == ["茶".encode()]
    assert vectors.tolist() == [[1, 2]]
    assert encoder["dimension"] == 2
    write_text_vectors(tmp_path / "bad", 3, items={"茶": [1, 2]})
    with pytest.raises(DataError, match=r"2 numbers in 1 vectors.*3 each"):
        read_text_vectors(str(tmp_path / "bad"), "item_id")
