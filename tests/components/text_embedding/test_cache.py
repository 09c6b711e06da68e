import logging
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.io.filesystem import BeamIOError

from components.text_embedding import cache

KEYS = cache.key_array(
    cache.text_key("query", text) for text in (b"a", b"b", b"c")
)
SORTED = np.sort(KEYS)
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture
def folder(tmp_path):
    path = str(tmp_path / "cache" / "digest")
    cache.prepare(path)
    cache.prepare(path)
    return path


def test_comes_back(folder):
    assert cache.list_files(folder) == []
    path = cache.write_file(folder, KEYS, VECTORS)
    assert cache.list_files(folder) == [path]
    # The same content has the same name.
    assert cache.write_file(folder, KEYS, VECTORS) == path
    assert cache.list_files(folder) == [path]
    positions, vectors = cache.read_file(path, SORTED, 4)
    assert SORTED[positions].tolist() == SORTED.tolist()
    np.testing.assert_array_equal(vectors, VECTORS[np.argsort(KEYS)])
    # Only what is asked for.
    positions, vectors = cache.read_file(path, KEYS[1:2], 4)
    assert positions.tolist() == [0]
    np.testing.assert_array_equal(vectors, VECTORS[1:2])
    other = cache.key_array([cache.text_key("item", b"a")])
    assert len(cache.read_file(path, other, 4)[0]) == 0


def test_where_nothing_is_renamed_onto_a_file(folder, monkeypatch):
    """As on HDFS: a run beside this one has written the same keys."""
    path = cache.write_file(folder, KEYS, VECTORS)

    def refuse(*_):
        raise BeamIOError("exists")

    monkeypatch.setattr(cache.FileSystems, "rename", refuse)
    assert cache.write_file(folder, KEYS, VECTORS) == path
    assert [p.name for p in pathlib.Path(folder).iterdir()] == [
        pathlib.Path(path).name
    ]
    with pytest.raises(BeamIOError):
        cache.write_file(folder, KEYS[:1], VECTORS[:1])


def test_roles_have_their_own_keys():
    assert cache.text_key("query", b"a") != cache.text_key("item", b"a")


def test_keys_fall_into_ranges():
    keys = cache.key_array(
        [bytes([first]) + bytes(15) for first in (0, 63, 64, 255)]
    )
    assert cache.shard_of(keys, 4).tolist() == [0, 0, 1, 3]
    assert cache.shard_of(keys, 1).tolist() == [0] * 4


def test_opens_only_what_may_have_a_key(folder, monkeypatch):
    """The name says so; a file that is opened for nothing would be seen."""
    low = cache.key_array([bytes([1]) * 16, bytes([2]) * 16])
    high = cache.key_array([bytes([240]) * 16, bytes([250]) * 16])
    paths = [cache.write_file(folder, k, VECTORS[:2]) for k in (low, high)]
    opened = []
    read_file = cache.read_file

    def spy(path, *rest):
        opened.append(path)
        return read_file(path, *rest)

    monkeypatch.setattr(cache, "read_file", spy)
    ((positions, vectors),) = cache.look_up(paths, high[1:], 4)
    assert opened == paths[1:]
    assert positions.tolist() == [0]
    np.testing.assert_array_equal(vectors, VECTORS[1:2])
    assert list(cache.look_up(paths, high[:0], 4)) == []


def half(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def flip(path):
    content = bytearray(path.read_bytes())
    place = content.index(VECTORS[1].tobytes()[:8]) + 1
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))


def empty(path):
    path.write_bytes(b"")


def other_columns(path):
    pq.write_table(pa.table({"key": [1], "vector": [2.0]}), path)


def not_finite(path):
    table = pq.read_table(path)
    vectors = cache.vector_column(np.full((3, 4), np.nan, np.float32))
    pq.write_table(table.set_column(1, table.schema.field(1), vectors), path)


def null_keys(path):
    table = pq.read_table(path)
    nothing = pa.nulls(3, table.schema.field(0).type)
    pq.write_table(table.set_column(0, table.schema.field(0), nothing), path)


@pytest.mark.parametrize(
    "damage", [half, flip, empty, other_columns, not_finite, null_keys]
)
def test_damaged_file_is_left_out(folder, damage, caplog):
    path = pathlib.Path(cache.write_file(folder, KEYS, VECTORS))
    damage(path)
    with caplog.at_level(logging.WARNING):
        assert list(cache.look_up([str(path)], SORTED, 4)) == []
    assert path.name in caplog.text


def test_other_dimension_or_gone(folder, caplog):
    path = cache.write_file(folder, KEYS, VECTORS)
    assert list(cache.look_up([path], SORTED, 5)) == []
    assert "of length 4" in caplog.text
    ((positions, _),) = cache.look_up([path], SORTED, 0)
    assert len(positions) == 3
    assert (
        list(cache.look_up([path.replace("/digest/", "/gone/")], SORTED, 4))
        == []
    )
    caplog.clear()
    assert list(cache.look_up([path + ".parquet"], SORTED, 4)) == []
    assert "name of another kind" in caplog.text
