"""Turns Arrow tables into serialized tf.Examples without a dict a row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tfx_bsl.coders import example_coder

from schema.errors import DataError


def examples_from_table(table: pa.Table) -> list[bytes]:
    """Serializes each row as one tf.Example.

    Text and bytes become bytes features, whole numbers and booleans int64,
    other numbers float32; lists keep their values. A null is an absent
    feature.

    Args:
      table: Any number of rows; columns of text, numbers, booleans, or lists
        of these.

    Returns:
      One serialized tf.Example a row, in order.

    Raises:
      DataError: A column has a type that a tf.Example cannot hold.
    """
    if table.num_rows == 0:
        return []
    columns = {
        name: _as_lists(name, column.combine_chunks())
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    batch = pa.RecordBatch.from_arrays(
        list(columns.values()), names=list(columns)
    )
    return example_coder.RecordBatchToExamplesEncoder().encode(batch)


def _as_lists(name: str, column) -> pa.ListArray:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    kind = column.type
    if pa.types.is_null(kind):
        column = column.cast(pa.binary())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        values = _primitive(name, pc.list_flatten(column))
        return _lists(lengths, values, pc.is_null(column))
    values = _primitive(name, column)
    missing = pc.is_null(values)
    return _lists(
        pc.cast(pc.invert(missing), pa.int32()), values.drop_null(), missing
    )


def _lists(lengths, values, missing) -> pa.ListArray:
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths.to_numpy(zero_copy_only=False), out=offsets[1:])
    return pa.ListArray.from_arrays(
        pa.array(offsets), values, mask=missing if len(missing) else None
    )


def _primitive(name: str, values: pa.Array) -> pa.Array:
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _primitive(name, values.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values.cast(pa.binary())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return values.cast(pa.binary())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return values.cast(pa.int64())
    if pa.types.is_floating(kind):
        return values.cast(pa.float32())
    raise DataError(
        f"column {name!r} has the type {kind}; allowed: text, bytes, whole "
        "and other numbers, booleans, and lists of these"
    )
