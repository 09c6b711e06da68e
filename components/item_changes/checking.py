"""Holds new items against the rules that the catalogue's node has."""

import pathlib
from collections.abc import Container, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.catalogue import tables
from components.catalogue.cleaning import (
    IMAGE,
    TAGS,
    TEXTS,
    clean_items,
    image_widths,
)
from components.catalogue.settings import CatalogueSettings
from datasets.items_file import BadRow, refuse

_PLAIN = (*TEXTS, "price", "listed_at", "in_stock")
# By the reasons of `clean_items`: the column, and what it may hold.
_ALLOWED = {
    "empty_item_id": ("item_id", "any text but the empty one"),
    "title_too_long": ("title", "at most {max_title_characters} characters"),
    "bad_price": ("price", "CNY, a number >= 0"),
    "bad_listed_at": ("listed_at", "Unix seconds, UTC, not milliseconds"),
    "bad_utf8": ("title", "UTF-8"),
    "bad_in_stock": ("in_stock", "true or false"),
    "bad_image": (IMAGE, "finite numbers"),
}


def check(
    path: pathlib.Path,
    items: pa.Table,
    *,
    known: Container[str],
    replace: bool,
    settings: CatalogueSettings,
    listed_at: int,
    image_width: int = 0,
) -> pa.Table:
    """Checks items and makes catalogue rows of them, all or none.

    Args:
      path: Of the file, for the error.
      items: As `datasets.items_file.read_items` returns them.
      known: Ids that the shop has.
      replace: Whether items may stand in for those with the same id.
      settings: The catalogue's limits.
      listed_at: Unix seconds, when an item counts as listed whose row does
        not say; 0 where the catalogue has no such times.
      image_width: Of the images that the catalogue has; 0 where it has none.

    Returns:
      The columns of `schema/catalogue.pbtxt`, in the file's order.

    Raises:
      DataError: A row is bad; names row, id, value and what is allowed.
    """
    lists = {
        TAGS: pa.large_list(pa.large_binary()),
        IMAGE: pa.large_list(pa.float32()),
    }
    batch = pa.RecordBatch.from_arrays(
        [
            *(tables.as_lists(_plain(items[name])) for name in _PLAIN),
            *(items[n].combine_chunks().cast(t) for n, t in lists.items()),
        ],
        [*_PLAIN, *lists],
    )
    clean = clean_items(batch, path.name, 0, settings)
    ids = items["item_id"].to_pylist()
    letters = zip(
        clean.letters["row"].to_pylist(),
        clean.letters["reason"].to_pylist(),
        strict=True,
    )
    limits = {"max_title_characters": settings.max_title_characters}
    bad = []
    for row, reason in letters:
        column, allowed = _ALLOWED[reason]
        value = items[column][row].as_py()
        bad.append(_bad(row, ids[row], column, value, allowed.format(**limits)))
    bad += _without_title(items, ids)
    bad += [
        _bad(row, i, "item_id", i, "any text without line breaks")
        for row, i in enumerate(ids)
        if i and ("\n" in i or "\r" in i)
    ]
    bad += _repeated(ids)
    bad += _of_other_width(items, ids, image_width)
    if not replace:
        bad += [
            _bad(
                row,
                i,
                "item_id",
                i,
                "an id that the shop does not have yet, or --replace",
            )
            for row, i in enumerate(ids)
            if i in known
        ]
    refuse(path, bad)
    kept = clean.kept.drop(["row"])
    times = np.asarray(kept["listed_at"])
    place = kept.column_names.index("listed_at")
    return kept.set_column(
        place, "listed_at", pa.array(np.where(times > 0, times, listed_at))
    )


def _plain(column):
    """Makes text binary, as decoded Examples have it, and booleans text."""
    column = column.combine_chunks()
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type):
        return column.cast(pa.large_binary())
    return column


def _without_title(items, ids) -> Iterable[BadRow]:
    blank = pc.equal(
        pc.utf8_trim_whitespace(pc.fill_null(items["title"], "")), ""
    )
    return [
        _bad(row, ids[row], "title", "", "a text, by which it is found")
        for row in np.flatnonzero(np.asarray(blank))
    ]


def _repeated(ids) -> Iterable[BadRow]:
    first: dict[str, int] = {}
    bad = []
    for row, item_id in enumerate(ids):
        if item_id is not None and first.setdefault(item_id, row) != row:
            allowed = f"each id once (row {first[item_id] + 1} has it too)"
            bad.append(_bad(row, item_id, "item_id", item_id, allowed))
    return bad


def _of_other_width(items, ids, width) -> Iterable[BadRow]:
    """Names images that are not as wide as the catalogue's, or the first."""
    widths = image_widths(items)
    width = width or next(iter(widths[widths > 0]), 0)
    return [
        _bad(row, ids[row], IMAGE, f"{widths[row]} numbers", f"{width} numbers")
        for row in np.flatnonzero((widths > 0) & (widths != width))
    ]


def _bad(row, item_id, column, value, allowed):
    return BadRow(
        row=row + 1,
        item_id=item_id or "",
        column=column,
        value="" if value is None else str(value),
        allowed=allowed,
    )
