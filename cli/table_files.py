"""Reads the files of a table in batches, as they are."""

import pathlib
import typing
from collections.abc import Iterator

from schema import contract
from schema.errors import DataError

if typing.TYPE_CHECKING:
    import pyarrow as pa


def table_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the Parquet and CSV files of a table's folder."""
    return sorted(
        file for file in folder.iterdir() if file.suffix in (".parquet", ".csv")
    )


def read_batches(file: pathlib.Path, table: str) -> Iterator["pa.RecordBatch"]:
    """Yields a file in batches, the first one empty: it shows the columns.

    Args:
      file: Parquet or CSV.
      table: Which table of the contract it belongs to.

    Raises:
      DataError: The file is broken or, as CSV, not UTF-8.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    try:
        if file.suffix == ".parquet":
            parquet = pq.ParquetFile(file)
            batches = parquet.iter_batches()
            schema = parquet.schema_arrow
        else:
            # Ids of digits would otherwise be read as numbers.
            texts = {
                column.name: pa.string()
                for column in contract.TABLES[table]
                if column.dtype == "string"
            }
            batches = pa.csv.open_csv(
                file,
                convert_options=pa.csv.ConvertOptions(column_types=texts),
            )
            schema = batches.schema
        # A file without rows has columns all the same.
        yield pa.RecordBatch.from_pylist([], schema=schema)
        yield from batches
    except (pa.ArrowException, UnicodeDecodeError) as error:
        first = str(error).strip().splitlines()[0]
        hint = ""
        if "UTF8" in first or "utf-8" in first.lower():
            hint = " (GBK? Try `iconv -f GB18030 -t UTF-8`)"
        raise DataError(f"{file} cannot be read: {first}{hint}") from error


def has_type(batch: "pa.RecordBatch", name: str, dtype: str) -> bool:
    """Says whether a column is there in a type of the contract."""
    return name in batch.schema.names and fits(
        batch.schema.field(name).type, dtype
    )


def fits(dtype: "pa.DataType", wanted: str) -> bool:
    """Says whether a type can be read as one of the contract's."""
    import pyarrow as pa

    if pa.types.is_dictionary(dtype):
        dtype = dtype.value_type
    if wanted.startswith("list<"):
        is_list = pa.types.is_list(dtype) or pa.types.is_large_list(dtype)
        return pa.types.is_null(dtype) or (
            is_list and fits(dtype.value_type, wanted[5:-1])
        )
    is_number = pa.types.is_integer(dtype) or pa.types.is_floating(dtype)
    return (
        pa.types.is_null(dtype)
        or {
            "string": pa.types.is_string(dtype)
            or pa.types.is_large_string(dtype),
            "int64": pa.types.is_integer(dtype),
            "float32": is_number,
            "bool": pa.types.is_boolean(dtype) or pa.types.is_integer(dtype),
        }[wanted]
    )
