"""Completes rows that change some columns of items by what is there."""

import pathlib
from collections.abc import Container, Mapping

import pyarrow as pa
import tensorflow as tf

from components.catalogue.cleaning import IMAGE, INFERRED, UNKNOWN_PRICE
from datasets.items_file import BadRow, refuse
from datasets.tables import conform

_UNKNOWN = {"price": UNKNOWN_PRICE, "listed_at": 0}


def merge(
    path: pathlib.Path, given: pa.Table, there: Mapping[bytes, bytes]
) -> pa.Table:
    """Fills the cells that are not given.

    Args:
      path: Of the file, for the error.
      given: As `datasets.items_file.read_items` returns them; a null leaves a
        column as it is.
      there: Item id to serialised catalogue example.

    Returns:
      The rows in the same form, whole.

    Raises:
      DataError: An item is not there.
    """
    rows = given.to_pylist()
    refuse(path, unknown([row["item_id"] for row in rows], there))
    whole = [
        {
            name: was.get(name) if value is None else value
            for name, value in row.items()
        }
        for row in rows
        for was in [_row(there[row["item_id"].encode()])]
    ]
    return conform(pa.Table.from_pylist(whole, schema=given.schema), "items")


def keep_marks(
    rows: pa.Table, given: pa.Table, there: Mapping[bytes, bytes]
) -> pa.Table:
    """Marks what was inferred and nobody has said since.

    Args:
      rows: Of the catalogue, what `merge` gave, checked.
      given: As for `merge`, in the same order.
      there: As for `merge`.
    """
    marks = [
        int(category is None and _is_inferred(there[item_id.encode()]))
        for item_id, category in zip(
            given["item_id"].to_pylist(),
            given["category"].to_pylist(),
            strict=True,
        )
    ]
    place = rows.column_names.index(INFERRED)
    return rows.set_column(place, INFERRED, pa.array(marks, pa.int64()))


def _is_inferred(example: bytes) -> bool:
    features = tf.train.Example.FromString(example).features.feature
    return INFERRED in features and features[INFERRED].int64_list.value[0] == 1


def unknown(ids: list[str | None], there: Container[bytes]) -> list[BadRow]:
    """Names the rows of items that are not there, or of none."""
    return [
        BadRow(
            row=row + 1,
            item_id=item_id,
            column="item_id",
            value=item_id,
            allowed="an id that the shop has",
        )
        for row, item_id in enumerate(i or "" for i in ids)
        if item_id.encode() not in there
    ]


def _row(example: bytes) -> dict:
    """Reads a catalogue example in the contract's form."""
    row: dict = {}
    features = tf.train.Example.FromString(example).features.feature
    for name, feature in features.items():
        if name == "tags":
            row[name] = [word.decode() for word in feature.bytes_list.value]
        elif name == IMAGE:
            row[name] = list(feature.float_list.value) or None
        elif feature.HasField("bytes_list"):
            row[name] = feature.bytes_list.value[0].decode()
        elif feature.HasField("float_list"):
            row[name] = feature.float_list.value[0]
        else:
            row[name] = feature.int64_list.value[0]
    row = {k: v for k, v in row.items() if _UNKNOWN.get(k) != v}
    if "in_stock" in row:
        row["in_stock"] = bool(row["in_stock"])
    return row
