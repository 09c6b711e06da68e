import numpy as np
import pyarrow as pa
import pytest

from components.text_embedding import cache
from components.text_embedding.rows import (
    Distinct,
    by_shard,
    parse_items,
    parse_queries,
)
from schema.errors import DataError
from tests.components.text_embedding.inputs import example


def queries(*texts):
    return parse_queries(pa.table({"query": pa.array(texts, pa.string())}))


def test_what_has_no_text_is_left_out():
    table = queries("鼠标", None, "", " \u3000", "键盘")
    assert table["row_id"].to_pylist() == ["鼠标", "键盘"]
    items = parse_items([example(b"i1", b" \n"), example(b"i2", b"\xff\xe9a")])
    assert items["row_id"].to_pylist() == ["i2"]
    assert items["text"].to_pylist() == [b"\xff\xe9a"]
    assert items["key"].to_pylist() == [cache.text_key("item", b"\xff\xe9a")]
    with pytest.raises(DataError, match="0 values of item_id"):
        parse_items([b""])


def test_a_text_is_in_one_shard_and_no_row_is_lost():
    table = queries(*(f"鼠标{number % 50}" for number in range(200)))
    shards = dict(by_shard(table, 4))
    assert set(shards) <= set(range(4))
    texts = [set(part["text"].to_pylist()) for part in shards.values()]
    assert sum(map(len, texts)) == len(set.union(*texts)) == 50
    assert sum(part.num_rows for part in shards.values()) == 200
    assert list(by_shard(table[:0], 4)) == []


def test_rows_of_texts():
    parts = [
        parse_items([example(row, text) for row, text in rows])
        for rows in (
            [(b"i1", b"a"), (b"i2", b"b"), (b"i3", b"a")],
            [(b"i1", b"a"), (b"i4", b"c"), (b"i5", b"d")],
        )
    ]
    texts = Distinct.of(parts)
    order = [text.as_py().decode() for text in texts.texts]
    assert sorted(order) == ["a", "b", "c", "d"]
    assert (np.sort(texts.keys) == texts.keys).all()
    # Each text its own vector; nothing was left of d when cleaned.
    values = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 0.0}
    positions = np.array([order.index(text) for text in "cad"])
    vectors = np.array([[values[t]] * 2 for t in "cad"], np.float32)
    table = texts.rows_of(positions, vectors, "item_id")
    assert table.to_pylist() == [
        {"item_id": "i4", "text": b"c", "vector": [3.0, 3.0]},
        {"item_id": "i1", "text": b"a", "vector": [1.0, 1.0]},
        {"item_id": "i3", "text": b"a", "vector": [1.0, 1.0]},
    ]
    # A search is its text.
    assert texts.rows_of(positions, vectors, "query").schema.names == [
        "query",
        "vector",
    ]
    # What is taken apart and put together again is the same.
    rest = Distinct.of([texts.table_of(positions[:2])])
    assert sorted(t.as_py().decode() for t in rest.texts) == ["a", "c"]
    assert sorted(rest.row_ids.to_pylist()) == ["i1", "i3", "i4"]
    assert set(rest.keys) == set(texts.keys[positions[:2]])
    nothing = texts.rows_of(positions[2:], vectors[2:], "item_id")
    assert nothing.num_rows == 0
