"""Sequences without times, such as the Amazon Beauty benchmark's.

Each line of `<Name>.txt` is a user id and item ids in the order of time.
Reviews follow purchases, so every step is a `buy`. Times are made up, because
only the order within a user is known: a user's last step falls on `LAST_STEP`
and the ones before it a day earlier each. So a split between the last two
days is leave-one-out, and steps a day apart are sessions of their own.

Attributes, from `<Name>_item2attributes.json` where it is there, become tags;
an item's most widespread attribute becomes its category. Titles are empty.

Source of files in this form: Zhou et al. 2020, "S3-Rec".
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.delimited import find_file, find_files
from datasets.tables import Counts, write_table
from schema.errors import DataError

EVENT_TYPE = "buy"
# 2014-07-23 00:00 UTC, when the Amazon review data of 2014 ends.
LAST_STEP = 1_406_073_600
STEP_SECONDS = 86_400
ATTRIBUTES = "_item2attributes.json"
_LINES = 100_000


def read_lines(path: pathlib.Path) -> Iterator[list[str]]:
    """Yields the lines of a file in groups.

    Raises:
      DataError: A byte is not UTF-8.
    """
    group: list[str] = []
    number = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                group.append(
                    line.decode("utf-8-sig" if number == 1 else "utf-8")
                )
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}, line {number} is not in the encoding utf-8: "
                    f"byte 0x{line[error.start]:02x} at its offset "
                    f"{error.start}"
                ) from None
            if len(group) == _LINES:
                yield group
                group = []
    if group:
        yield group


def _events(path, counts: Counts, seen: dict[str, None]) -> Iterator[pa.Table]:
    """Yields the steps in contract form; a user without items is one row."""
    for group in read_lines(path):
        lines = [line.split() for line in group]
        lines = [line for line in lines if line]
        # A line of a user alone cannot be a step: it passes with a null item.
        steps: list[list] = [line[1:] or [None] for line in lines]
        lengths = np.array([len(line) for line in steps], np.int64)
        items = [item for line in steps for item in line]
        seen.update(dict.fromkeys(item for item in items if item))
        total = int(lengths.sum())
        counts.read += total
        if not total:
            continue
        # How many steps of the same user come after each step.
        ends = np.repeat(np.cumsum(lengths), lengths)
        later = ends - 1 - np.arange(total)
        users = np.repeat(np.arange(len(lines)), lengths)
        names = pa.array([line[0] for line in lines], pa.string())
        yield pa.table(
            {
                "user_id": names.take(pa.array(users)),
                "item_id": pa.array(items, pa.string()),
                "event_type": pa.array([EVENT_TYPE] * total, pa.string()),
                "timestamp": pa.array(LAST_STEP - later * STEP_SECONDS),
            }
        )


def read_attributes(path: pathlib.Path) -> dict[str, list[str]]:
    """Returns the attributes of each item, as text.

    Raises:
      DataError: The file is not an object of lists.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(item): [f"属性{attribute}" for attribute in attributes]
            for item, attributes in found.items()
        }
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f"{path} is not a JSON object of item id to list of attributes: "
            f"{error}"
        ) from None


def _items(seen: list[str], attributes: dict[str, list[str]]) -> pa.Table:
    """Returns the items in contract form, in the order of first sight."""
    tags = pa.array(
        [attributes.get(item) or None for item in seen], pa.list_(pa.string())
    )
    counted = pc.value_counts(tags.flatten())
    carried = dict(
        zip(
            counted.field("values").to_pylist(),
            counted.field("counts").to_pylist(),
            strict=True,
        )
    )
    category = [
        max(tag, key=carried.__getitem__) if tag else None
        for tag in tags.to_pylist()
    ]
    return pa.table(
        {
            "item_id": pa.array(seen, pa.string()),
            "title": pa.array([""] * len(seen), pa.string()),
            "category": pa.array(category, pa.string()),
            "tags": tags,
        }
    )


def convert(
    source_dir: pathlib.Path, data_dir: pathlib.Path
) -> dict[str, dict[str, int]]:
    """Writes the events and items tables.

    Args:
      source_dir: Folder with one `<Name>.txt`, and attributes if there are.
      data_dir: Folder of the contract's tables.

    Returns:
      Counts of each table, as in `tables.Counts`; what is read is steps.

    Raises:
      DataError: There is no such file or more than one, it is empty or not
        UTF-8, or the attributes are malformed.
    """
    paths = find_files(source_dir, "*.txt")
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        raise DataError(
            f"{source_dir} holds {len(paths)} sequence files: {names}; "
            "leave one"
        )
    attribute_file = paths[0].stem + ATTRIBUTES
    attributes = {}
    if (pathlib.Path(source_dir) / attribute_file).exists():
        attributes = read_attributes(find_file(source_dir, attribute_file))
    events, items = Counts(), Counts()
    seen: dict[str, None] = {}
    events.written = write_table(
        _events(paths[0], events, seen), "events", data_dir
    )
    items.written = write_table(
        _items(list(seen), attributes), "items", data_dir
    )
    return {
        "events": dataclasses.asdict(events),
        "items": dataclasses.asdict(items),
    }
