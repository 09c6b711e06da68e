"""Raw logs: merged, cleaned, and every row of them counted."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from schema.contract import EVENT_TYPES, ITEM_EVENT_TYPES
from schema.errors import DataError

_COLUMNS = ("user_id", "item_id", "event_type", "timestamp", "query")
_NEEDED = _COLUMNS[:4]
# After the year 2100: milliseconds, as a rule.
_LATEST = 4_102_444_800
_HOUR = 3600


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """What became of the rows; all but `files` and `read` add up to `read`.

    Attributes:
      files: That were read.
      read: Rows.
      kept: Rows that are learned from.
      no_user: Without a user.
      unknown_type: Of no event type of the contract.
      bad_timestamp: Not Unix seconds.
      unknown_item: Of an item that the catalogue does not have.
      duplicates: In every column like a row that was kept.
      bots: Of users with more events in an hour than people make.
    """

    files: int
    read: int
    kept: int
    no_user: int
    unknown_type: int
    bad_timestamp: int
    unknown_item: int
    duplicates: int
    bots: int


def merge(
    paths: Sequence[pathlib.Path],
    item_ids: pa.Array,
    max_events_per_hour: int,
) -> tuple[pa.Table, Counts]:
    """Reads logs in the contract's form and makes one of them.

    Args:
      paths: Parquet or CSV files, or folders of them.
      item_ids: string, of the catalogue.
      max_events_per_hour: A user with more is a bot; 0 keeps everybody.

    Returns:
      `user_id`, `item_id`, `event_type`, `timestamp`, `query` in order of
      user and time, texts "" where unknown; and the counts.

    Raises:
      DataError: A file cannot be read or lacks a column, or nothing is left.
    """
    files = [file for path in paths for file in _files(path)]
    table = pa.concat_tables([_read(file) for file in files])
    read = len(table)
    on_item = pc.is_in(
        table["event_type"], value_set=pa.array(ITEM_EVENT_TYPES)
    )
    time = table["timestamp"]
    # The first reason that applies counts.
    checks = {
        "no_user": pc.not_equal(table["user_id"], ""),
        "unknown_type": pc.is_in(
            table["event_type"], value_set=pa.array(EVENT_TYPES)
        ),
        "bad_timestamp": pc.and_(pc.greater(time, 0), pc.less(time, _LATEST)),
        "unknown_item": pc.or_(
            pc.invert(on_item), pc.is_in(table["item_id"], value_set=item_ids)
        ),
    }
    kept, counts = np.ones(read, bool), {}
    for name, told in checks.items():
        good = np.asarray(told)
        counts[name] = int((kept & ~good).sum())
        kept &= good
    table = table.filter(pa.array(kept))
    before = len(table)
    table = table.group_by(list(_COLUMNS)).aggregate([])
    counts["duplicates"] = before - len(table)
    before = len(table)
    if max_events_per_hour and before:
        table = table.filter(pc.invert(_of_bots(table, max_events_per_hour)))
    counts["bots"] = before - len(table)
    if not len(table):
        raise DataError(
            f"of {read:,} rows in {len(files)} files none can be used: {counts}"
        )
    table = table.sort_by(
        [(name, "ascending") for name in ("user_id", "timestamp", "item_id")]
    )
    return table, Counts(files=len(files), read=read, kept=len(table), **counts)


def _of_bots(table, most):
    hours = pc.divide(table["timestamp"], _HOUR)
    counted = (
        pa.table({"user": table["user_id"], "hour": hours})
        .group_by(["user", "hour"])
        .aggregate([([], "count_all")])
    )
    busy = counted.filter(pc.greater(counted["count_all"], most))["user"]
    return pc.is_in(table["user_id"], value_set=busy.combine_chunks().unique())


def _files(path: pathlib.Path) -> list[pathlib.Path]:
    if path.is_file():
        return [path]
    found = sorted(
        file
        for file in path.glob("*")
        if file.suffix in (".parquet", ".csv") and file.is_file()
    )
    if not found:
        raise DataError(
            f"{path} is no log; allowed: a Parquet or CSV file, or a folder "
            "of them"
        )
    return found


def _read(path: pathlib.Path) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
        else:
            texts = {name: pa.string() for name in _COLUMNS}
            table = pc_csv.read_csv(
                path,
                convert_options=pc_csv.ConvertOptions(column_types=texts),
            )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    for name in _NEEDED:
        if name not in table.column_names:
            raise DataError(
                f"{path} has no column {name!r}; it has "
                f"{', '.join(table.column_names)}"
            )
    return pa.table({name: _column(table, name) for name in _COLUMNS})


def _column(table: pa.Table, name: str) -> pa.ChunkedArray | pa.Array:
    if name not in table.column_names:
        return pa.array([""] * len(table), pa.string())
    column = table[name]
    if name != "timestamp":
        return pc.fill_null(column.cast(pa.string()), "")
    if pa.types.is_string(column.type):
        # What is no number counts as a bad time.
        digits = pc.match_substring_regex(column, r"^\d{1,18}$")
        column = pc.if_else(pc.fill_null(digits, False), column, "0")
    return pc.fill_null(column.cast(pa.int64(), safe=False), 0)
