"""Reads one file of items, CSV, Parquet or JSON lines, row for row.

Unlike the adapters, which leave bad rows to the pipeline's counts, this one
refuses what it cannot read: whoever adds a few items wants each of them.
"""

import dataclasses
import pathlib

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.parquet as pq

from datasets.delimited import Dialect, read_header, read_text
from datasets.tables import conform
from datasets.typed import Reading
from schema import contract
from schema.errors import DataError

TABLE = "items"
ENDINGS = (".csv", ".parquet", ".jsonl", ".ndjson")
# A title of ten million characters still fits.
_BLOCK_BYTES = 64 * 2**20
_SHOWN = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class BadRow:
    """A row that cannot be taken.

    Attributes:
      row: From 1, the header not counted.
      item_id: As far as it is known.
      column: Where the trouble is.
      value: What stands there.
      allowed: What may stand there.
    """

    row: int
    item_id: str
    column: str
    value: str
    allowed: str

    def __str__(self) -> str:
        value = self.value
        if len(value) > _SHOWN:
            value = f"{value[:_SHOWN]}… ({len(value)} characters)"
        return (
            f"row {self.row} (item_id {self.item_id!r}): {self.column} is "
            f"{value!r}; allowed: {self.allowed}"
        )


def refuse(path: pathlib.Path, bad: list[BadRow]) -> None:
    """Raises an error that names the first bad rows, if there are any.

    Raises:
      DataError: There are.
    """
    if not bad:
        return
    shown = [str(row) for row in sorted(bad, key=lambda row: row.row)[:5]]
    more = f"\n  and {len(bad) - 5} more" if len(bad) > 5 else ""
    raise DataError(f"{path}:\n  " + "\n  ".join(shown) + more)


def read_items(path: pathlib.Path, *, whole: bool = True) -> pa.Table:
    """Reads items in the contract's form (schema/README.md).

    Args:
      path: Its ending says what it is.
      whole: Whether all required columns must be there, and not `item_id`
        alone.

    Returns:
      The contract's columns in its types, absent ones null; rows as they
      stand in the file.

    Raises:
      DataError: The file cannot be read, has no rows or a column that the
        contract does not know, lacks a required one, or a value is not of its
        column's type.
    """
    raw = _read(path)
    known = {column.name: column for column in contract.TABLES[TABLE]}
    for name in raw.column_names:
        if name not in known:
            raise DataError(
                f"{path} has a column {name!r}; allowed: {', '.join(known)}"
            )
    if not raw.num_rows:
        raise DataError(f"{path} holds no rows")
    reading, columns, bad = Reading(), {}, []
    ids = raw["item_id"] if "item_id" in raw.column_names else None
    for name in raw.column_names:
        column = raw[name].combine_chunks()
        columns[name], lost = reading.read(column, known[name], path)
        if lost:
            bad += _lost(column, columns[name], known[name], ids)
    refuse(path, bad)
    if not whole and "item_id" in columns:
        for name in known.keys() - columns.keys():
            if known[name].required:
                columns[name] = pa.nulls(raw.num_rows, pa.string())
    return conform(pa.table(columns), TABLE)


def _read(path: pathlib.Path) -> pa.Table:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise DataError(
            f"{path} ends in {path.suffix!r}; allowed: {', '.join(ENDINGS)}"
        )
    try:
        if ending == ".parquet":
            return pq.read_table(path)
        if ending == ".csv":
            names = read_header(path, Dialect())
            return pa.concat_tables(read_text(path, names, Dialect()))
        return pyarrow.json.read_json(
            path,
            read_options=pyarrow.json.ReadOptions(block_size=_BLOCK_BYTES),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        first = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read: {first}") from error


def _lost(given, read, column, ids):
    """Names the values of a column that could not be read."""
    there = pc.is_valid(given)
    if pa.types.is_string(given.type):
        filled = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(given)), 0)
        there = pc.and_(there, pc.fill_null(filled, False))
    rows = pc.indices_nonzero(pc.and_(there, pc.is_null(read))).to_pylist()
    return [
        BadRow(
            row=row + 1,
            item_id=str(ids[row].as_py() or "") if ids is not None else "",
            column=column.name,
            value=str(given[row].as_py()),
            allowed=f"{column.dtype}, {column.unit}",
        )
        for row in rows
    ]
