import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.text_embedding import cache

KEYS = [cache.text_key("query", text) for text in (b"a", b"b", b"c")]
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
    found = dict(cache.read_file(path, 4))
    assert sorted(found) == sorted(KEYS)
    np.testing.assert_array_equal(
        np.frombuffer(found[KEYS[1]], np.float32), VECTORS[1]
    )


def test_roles_have_their_own_keys():
    assert cache.text_key("query", b"a") != cache.text_key("item", b"a")


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


@pytest.mark.parametrize(
    "damage", [half, flip, empty, other_columns, not_finite]
)
def test_damaged_file_is_left_out(folder, damage, caplog):
    import pathlib

    path = pathlib.Path(cache.write_file(folder, KEYS, VECTORS))
    damage(path)
    with caplog.at_level(logging.WARNING):
        assert list(cache.read_file(str(path), 4)) == []
    assert path.name in caplog.text


def test_other_dimension_or_gone(folder, caplog):
    path = cache.write_file(folder, KEYS, VECTORS)
    assert list(cache.read_file(path, 5)) == []
    assert "lengths [4]" in caplog.text
    assert len(list(cache.read_file(path, 0))) == 3
    assert list(cache.read_file(path + ".gone", 4)) == []
