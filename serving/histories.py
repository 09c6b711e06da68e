"""Reads one user out of `histories.parquet` and makes a request of it."""

import pathlib
import typing

import pyarrow as pa
import pyarrow.parquet as pq

from schema.errors import DataError
from serving.requests import HISTORY_FIELDS, Request

HISTORIES_FILE = "histories.parquet"

_USER = "user_id"
_LAST = "last_timestamp"
_CONTEXT = ("scene", "city", "device", "gender", "age_band", "level")


def request(path: pathlib.Path, user_id: str, query: str = "") -> Request:
    """Makes a request of what a user did last.

    Args:
      path: `histories.parquet`, or the folder that holds it.
      user_id: Whose; nothing is known of one who is not in the file.
      query: What is searched for.

    Returns:
      The request, as of the user's last event; as of now for an unknown user.

    Raises:
      DataError: The file is missing or is no such table.
    """
    row = read_user(path, user_id)
    if row is None:
        return Request(query=query)
    known: dict[str, typing.Any] = {
        **{name: row[name] or () for name in HISTORY_FIELDS},
        **{name: row[name] or "" for name in _CONTEXT},
    }
    return Request(query=query, timestamp=row[_LAST], **known)


def read_user(path: pathlib.Path, user_id: str) -> dict | None:
    """Reads one row, and of the file only the row groups that may hold it.

    The file is sorted by user, so that is one group as a rule, whatever the
    number of users.

    Args:
      path: `histories.parquet`, or the folder that holds it.
      user_id: Whose row.

    Returns:
      The row by column; None where the user is not in the file.

    Raises:
      DataError: The file is missing or is no such table.
    """
    file = path / HISTORIES_FILE if path.is_dir() else path
    columns = [_USER, *HISTORY_FIELDS, *_CONTEXT, _LAST]
    try:
        with pq.ParquetFile(file) as parquet:
            there = set(parquet.schema_arrow.names)
            if missing := [name for name in columns if name not in there]:
                raise DataError(f"{file} has no column {missing[0]!r}")
            for group in _groups_with(parquet, user_id):
                ids = parquet.read_row_group(group, [_USER])[_USER]
                position = ids.index(pa.scalar(user_id, ids.type)).as_py()
                if position >= 0:
                    rows = parquet.read_row_group(group, columns)
                    return rows.slice(position, 1).to_pylist()[0]
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    return None


def _groups_with(parquet: pq.ParquetFile, user_id: str):
    column = parquet.schema_arrow.get_field_index(_USER)
    for group in range(parquet.metadata.num_row_groups):
        chunk = parquet.metadata.row_group(group).column(column)
        statistics = chunk.statistics
        unknown = statistics is None or not statistics.has_min_max
        # UTF-8 and Python put text in the same order.
        if unknown or statistics.min <= user_id <= statistics.max:
            yield group
