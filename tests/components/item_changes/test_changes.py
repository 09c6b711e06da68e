"""What was added is kept, in its order, for the next time."""

import numpy as np
import pytest
import tensorflow as tf

from components.item_changes.changes import EXAMPLES_FILE, Changes
from components.servable.catalogue import read_catalogue
from schema.errors import DataError
from tests import small_shop


def example(item_id, title):
    return small_shop.serialize(
        {
            "item_id": [item_id],
            "title": [title],
            "text": [title],
            "category": [""],
            "brand": [""],
            "shop_id": [""],
            "price": [5.0],
            "in_stock": [1],
        }
    )


def changes():
    return Changes({}).plus(
        [b"n2", b"n1"],
        [example("n2", "新二"), example("n1", "新一")],
        np.array([[1, 2], [3, 4]], np.float32),
    )


def test_later_rows_stand_in_at_the_same_place():
    more = changes().plus(
        [b"n2", b"n3"], [b"x", b"y"], np.zeros([2, 2], np.float32)
    )
    assert list(more.items) == [b"n2", b"n1", b"n3"]
    assert more.examples[0] == b"x"
    assert more.vectors.tolist() == [[0, 0], [3, 4], [0, 0]]
    assert more.behind([b"i1", b"n1"]) == [b"i1", b"n1", b"n2", b"n3"]


def test_what_was_removed_keeps_its_place_and_may_come_back():
    gone = changes().without([b"n2", b"i1"])
    assert gone.removed == {b"n2", b"i1"}
    assert gone.behind([b"i1"]) == [b"i1", b"n2", b"n1"]
    back = gone.plus([b"n2"], [b"x"], np.zeros([1, 2], np.float32))
    assert back.removed == {b"i1"}
    assert list(back.items) == [b"n2", b"n1"]


def test_read_as_written(tmp_path):
    changes().without([b"i9"]).write(tmp_path / "changes")
    again = Changes.read(tmp_path / "changes")
    assert again.removed == {b"i9"}
    assert list(again.items) == [b"n2", b"n1"]
    assert again.examples == changes().examples
    np.testing.assert_array_equal(again.vectors, changes().vectors)
    assert Changes({}).vectors.shape == (0, 0)


def test_what_is_broken_is_named(tmp_path):
    with pytest.raises(DataError, match="was changed of the items before"):
        Changes.read(tmp_path)
    changes().write(tmp_path / "changes")
    (tmp_path / "changes" / EXAMPLES_FILE).write_bytes(b"no")
    with pytest.raises(DataError, match="was changed of the items before"):
        Changes.read(tmp_path / "changes")


def test_the_added_row_counts_in_a_catalogue(tmp_path):
    small_shop.write_catalogue(tmp_path / "base")
    more = changes().plus([b"i3"], [example("i3", "换新")], np.zeros([1, 2]))
    more.write_catalogue(tmp_path / "base" / "Split-all", tmp_path / "all")
    columns = read_catalogue(tmp_path / "all", [b"i3", b"n1", b"i4"])
    titles = [title.decode() for title in columns.titles]
    assert titles == ["换新", "新一", small_shop.TITLES[4]]
    assert columns.in_stock.tolist() == [True, True, True]
    base = tmp_path / "base" / "Split-all"
    assert not list(base.glob("*changed*"))
    assert tf.io.gfile.exists(str(tmp_path / "all" / EXAMPLES_FILE))
