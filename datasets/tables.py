"""Writes tables of the data contract, whole or not at all.

`<data_dir>/<table>/part-00000.parquet` has every column of the contract, in
its order and type; columns that a source does not have are null.
"""

import collections
import contextlib
import dataclasses
import pathlib
import shutil
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schema import contract
from schema.errors import DataError

PART = "part-00000.parquet"
# Beam reads a row group at a time, so this bounds a worker's memory.
ROW_GROUP_ROWS = 131_072

_SCALARS = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
}
_DTYPES = _SCALARS | {
    f"list<{name}>": pa.list_(dtype) for name, dtype in _SCALARS.items()
}

Batch: TypeAlias = pa.Table | pa.RecordBatch


@dataclasses.dataclass
class Counts:
    """What became of a source's rows; none is dropped on the way.

    Attributes:
      read: Rows of the source's file; 0 where the table is derived.
      written: Rows of the contract's table.
      unreadable: Values that were there and became null.
    """

    read: int = 0
    written: int = 0
    unreadable: int = 0


def arrow_schema(name: str) -> pa.Schema:
    """Returns the Arrow schema of a contract table, every column nullable.

    Args:
      name: One of `contract.TABLES`.
    """
    return pa.schema(
        [(c.name, _DTYPES[c.dtype]) for c in contract.TABLES[name]]
    )


def conform(batch: Batch, name: str) -> pa.Table:
    """Brings a batch into the contract's columns, order and types.

    Args:
      batch: Columns named as in the contract, in any order.
      name: One of `contract.TABLES`.

    Returns:
      A table with `arrow_schema(name)`; absent columns are null.

    Raises:
      DataError: A required column is absent, a column is unknown to the
        contract, or a value does not fit its type.
    """
    wanted = arrow_schema(name)
    found = batch.schema.names
    for column in contract.TABLES[name]:
        if column.required and column.name not in found:
            raise DataError(
                f"table {name}: the required column {column.name!r} is "
                f"missing; found: {', '.join(found)}"
            )
    unknown = sorted(set(found) - set(wanted.names))
    if unknown:
        raise DataError(
            f"table {name} has no column {unknown[0]!r}; allowed: "
            f"{', '.join(wanted.names)}"
        )
    arrays = []
    for field in wanted:
        if field.name not in found:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        array = batch.column(field.name)
        if array.type != field.type:
            array = _cast(array, field, name)
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=wanted)


def _cast(array, field, name):
    """Casts a column; floats may lose digits, nothing else may change."""
    narrowing = pa.types.is_float32(field.type) and not pa.types.is_string(
        array.type
    )
    try:
        return pc.cast(array, field.type, safe=not narrowing)
    except pa.ArrowException as error:
        raise DataError(
            f"table {name}, column {field.name!r}: {array.type} does not fit "
            f"{field.type}: {error}"
        ) from error


def _row_groups(batches, name) -> Iterator[pa.Table]:
    """Gathers small batches, so that row groups are of one size."""
    waiting: collections.deque[pa.Table] = collections.deque()
    rows = 0
    for batch in batches:
        waiting.append(conform(batch, name))
        rows += batch.num_rows
        if rows >= ROW_GROUP_ROWS:
            table = pa.concat_tables(waiting)
            whole = rows - rows % ROW_GROUP_ROWS
            yield table.slice(0, whole)
            waiting = collections.deque([table.slice(whole)])
            rows -= whole
    if rows:
        yield pa.concat_tables(waiting)


def write_table(
    data: Batch | Iterable[Batch], name: str, data_dir: pathlib.Path
) -> int:
    """Writes a contract table as Parquet; replaces an earlier one.

    The folder is written under a hidden name and renamed at the end, so a
    reader sees the earlier table or the whole new one. Batches are written
    as they come: memory holds one of them and a row group.

    Args:
      data: One table, or batches of it, with the contract's column names.
      name: One of `contract.TABLES`.
      data_dir: Folder of the tables; made if it is missing.

    Returns:
      Rows written.

    Raises:
      DataError: There is no row at all, or as in `conform`.
    """
    batches = [data] if isinstance(data, Batch) else data
    data_dir = pathlib.Path(data_dir)
    new, old = data_dir / f".{name}.new", data_dir / f".{name}.old"
    # What a killed run may have left.
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    new.mkdir(parents=True)
    rows = 0
    try:
        with pq.ParquetWriter(
            new / PART, arrow_schema(name), compression="zstd"
        ) as writer:
            for table in _row_groups(batches, name):
                writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
                rows += table.num_rows
        if not rows:
            raise DataError(f"table {name} has no rows: the source is empty")
        with contextlib.suppress(FileNotFoundError):
            (data_dir / name).rename(old)
        new.rename(data_dir / name)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return rows


def drop_table(name: str, data_dir: pathlib.Path) -> None:
    """Removes a table that the source no longer has.

    Left in place, users of an earlier source would be joined to the events of
    this one.
    """
    folder = pathlib.Path(data_dir) / name
    if folder.exists():
        old = folder.with_name(f".{name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        shutil.rmtree(old)
