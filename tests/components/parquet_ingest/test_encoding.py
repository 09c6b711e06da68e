"""Every row of a table is one example with what the row holds."""

import pyarrow as pa
import pytest
import tensorflow as tf

from components.parquet_ingest.encoding import examples_from_table
from schema.errors import DataError


def features_of(serialized):
    example = tf.train.Example.FromString(serialized)
    return {
        name: list(getattr(f, f.WhichOneof("kind")).value)
        for name, f in example.features.feature.items()
        if f.WhichOneof("kind")
    }


def test_types_nulls_and_lists():
    table = pa.table(
        {
            "user_id": ["甲", None],
            "count": pa.array([None, 3], pa.int32()),
            "price": pa.array([1.5, None], pa.float64()),
            "in_stock": [True, False],
            "tags": pa.array([["静音", "便携"], None]),
            "sizes": pa.array([[], [1, 2]], pa.list_(pa.int64())),
            "nothing": pa.nulls(2),
        }
    )
    first, second = (features_of(row) for row in examples_from_table(table))
    assert first == {
        "user_id": ["甲".encode()],
        "price": [1.5],
        "in_stock": [1],
        "tags": ["静音".encode(), "便携".encode()],
    } | ({"sizes": []} if "sizes" in first else {})
    assert second == {"count": [3], "in_stock": [0], "sizes": [1, 2]}


def test_chunks_and_slices_keep_their_order():
    table = pa.concat_tables(
        [pa.table({"n": [[k], [k + 1]]}) for k in range(0, 10, 2)]
    ).slice(3, 5)
    rows = [features_of(row)["n"] for row in examples_from_table(table)]
    assert rows == [[3], [4], [5], [6], [7]]


def test_a_list_after_a_null_is_not_shifted():
    table = pa.table({"tags": pa.array([None, ["a"], None, ["b", "c"]])})
    rows = [features_of(row).get("tags") for row in examples_from_table(table)]
    assert rows == [None, [b"a"], None, [b"b", b"c"]]


def test_empty_table_is_no_example():
    assert examples_from_table(pa.table({"n": pa.array([], pa.int64())})) == []


def test_a_type_without_a_feature_is_named():
    table = pa.table({"when": pa.array([1], pa.timestamp("s"))})
    with pytest.raises(DataError, match=r"'when'.*timestamp.*allowed"):
        examples_from_table(table)
