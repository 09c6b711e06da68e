"""Reads `histories.parquet` for people: who is there, what they did last."""

import dataclasses
import pathlib
import typing

from schema.errors import DataError

if typing.TYPE_CHECKING:
    import pyarrow as pa

SHOWN_COLUMNS = (
    "user_id",
    "history_item_ids",
    "history_event_types",
    "history_timestamps",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a user's history.

    Attributes:
      item_id: On which item.
      event_type: The deepest event of the step.
      timestamp: Unix seconds, UTC.
    """

    item_id: str
    event_type: str
    timestamp: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class UserHistory:
    """A user and the steps, oldest first."""

    user_id: str
    steps: tuple[Step, ...]


def sample_users(path: pathlib.Path, count: int) -> list[UserHistory]:
    """Returns users spread over the file who have a history.

    Args:
      path: `histories.parquet`, or the folder that holds it.
      count: How many at most.

    Raises:
      DataError: The file is missing or is no such table.
    """
    import numpy as np
    import pyarrow.compute as pc

    table = _read(path)
    lengths = pc.list_value_length(table["history_item_ids"])
    table = table.filter(pc.greater(lengths, 0))
    if not table.num_rows:
        return []
    count = min(count, table.num_rows)
    rows = np.linspace(0, table.num_rows - 1, count).astype(int)
    return _histories(table.take(rows))


def find_user(path: pathlib.Path, user_id: str) -> UserHistory | None:
    """Returns one user's history, None for a user who is not in the file.

    Args:
      path: `histories.parquet`, or the folder that holds it.
      user_id: Whose.

    Raises:
      DataError: The file is missing or is no such table.
    """
    import pyarrow.compute as pc

    found = _histories(_read(path, pc.field("user_id") == user_id))
    return found[0] if found else None


def _read(path: pathlib.Path, where=None) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = path / "histories.parquet" if path.is_dir() else path
    try:
        return pq.read_table(file, columns=list(SHOWN_COLUMNS), filters=where)
    except (pa.ArrowException, FileNotFoundError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error


def _histories(table: "pa.Table") -> list[UserHistory]:
    users = []
    for row in table.to_pylist():
        items, types, times = (row[name] for name in SHOWN_COLUMNS[1:])
        users.append(
            UserHistory(
                user_id=row["user_id"],
                steps=tuple(
                    Step(item_id=item, event_type=kind, timestamp=when)
                    for item, kind, when in zip(
                        items, types, times, strict=True
                    )
                ),
            )
        )
    return users
