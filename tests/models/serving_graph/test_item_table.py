import numpy as np
import tensorflow as tf

from models.serving_graph.item_table import CatalogueColumns, ItemTable


def columns(**more):
    return CatalogueColumns(
        item_ids=[b"a", b"b"],
        titles=[b"A", b"B"],
        texts=[],
        categories=[b"x", b"y"],
        brands=[b"", b""],
        shops=[b"", b""],
        prices=np.array([1.5, -1.0], np.float32),
        in_stock=np.ones(2, bool),
        **more,
    )


def described(**more):
    rows = tf.constant([[1, -1, 0]])
    told = ItemTable(columns(**more)).describe(rows, tf.zeros([1, 3]))
    return {name: values.numpy()[0].tolist() for name, values in told.items()}


def test_inferred_categories_are_told_apart_and_empty_slots_have_none():
    told = described(inferred=np.array([True, False]))
    assert told["item_ids"] == [b"b", b"", b"a"]
    assert told["categories"] == [b"y", b"", b"x"]
    assert told["categories_inferred"] == [False, False, True]
    assert told["prices"] == [-1.0, -1.0, 1.5]


def test_a_catalogue_that_does_not_say_has_inferred_none():
    assert described()["categories_inferred"] == [False] * 3
