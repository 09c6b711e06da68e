"""Which events of two folders are compared."""

import pytest
import tensorflow as tf

from pipeline import skew
from schema.errors import DataError
from tests import small_shop


def rows(*keys, **more):
    return [
        {
            "user_id": [user],
            "item_id": [item],
            "timestamp": [when],
            "query": [""],
            **more,
        }
        for user, item, when in keys
    ]


def write(folder, events):
    small_shop.write_examples(folder, skew.SPLIT, events)
    return folder


def test_events_are_found_again_in_any_order(tmp_path):
    keys = [("u1", "i1", 1), ("u1", "i2", 2), ("u2", "i1", 1), ("u3", "i9", 5)]
    # What comes twice in one of them cannot be told apart.
    raw = write(tmp_path / "raw", rows(*keys, keys[3]))
    made = write(tmp_path / "made", rows(*keys[::-1], keys[1], city=["x"]))
    events = skew._pair(raw, made, 10)
    assert events.item_ids.tolist() == [b"i1", b"i1"]
    for before, after in zip(events.raw, events.transformed, strict=True):
        one, other = (
            tf.train.Example.FromString(text).features.feature
            for text in (before, after)
        )
        assert "city" in other
        assert "city" not in one
        for name in ("user_id", "item_id", "timestamp"):
            assert one[name] == other[name]
    assert len(skew._pair(raw, made, 1).raw) == 1


def test_folders_of_other_runs_are_refused(tmp_path):
    raw = write(tmp_path / "raw", rows(("u1", "i1", 1)))
    other = write(tmp_path / "other", rows(("u1", "i1", 2)))
    with pytest.raises(DataError, match="are not of the same run"):
        skew._pair(raw, other, 10)
    with pytest.raises(DataError, match="no examples of split train"):
        skew._pair(tmp_path / "gone", raw, 10)
