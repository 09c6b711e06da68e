"""Writes the tables that systems hand on."""

import pathlib

import pyarrow as pa
import pyarrow.parquet as pq


def write_table(table: pa.Table, path: pathlib.Path) -> None:
    """Writes a Parquet file, whole or not at all.

    Args:
      table: What it holds.
      path: The file; one that is there is replaced.
    """
    half = path.with_name(f".{path.name}.part")
    pq.write_table(table, half, compression="zstd")
    half.replace(path)
