"""Taobao's UserBehavior log: clicks, carts, favourites and purchases.

`UserBehavior.csv` has no header: user, item, category, behaviour (pv, cart,
fav, buy), Unix seconds. It has no catalogue, so items are those of the log,
with an empty title and `类目<category>` as category.

Source: Alibaba Tianchi, "User Behavior Data from Taobao for Recommendation".
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from datasets import values
from datasets.delimited import Dialect, find_file, read_text
from datasets.seen_items import SeenItems
from datasets.tables import Counts, write_table

FILE = "UserBehavior.csv"
EVENT_TYPES = {"pv": "click", "cart": "cart", "fav": "favorite", "buy": "buy"}
_COLUMNS = ("user_id", "item_id", "category", "behavior", "timestamp")
_DIALECT = Dialect(quote="", header=_COLUMNS)


def _events(path, counts: Counts, items: SeenItems) -> Iterator[pa.Table]:
    """Yields the log in contract form, and gathers its items on the way."""
    for text in read_text(path, list(_COLUMNS), _DIALECT):
        counts.read += text.num_rows
        item_ids = values.to_ids(text["item_id"])
        category = values.to_ids(text["category"])
        items.add(
            pa.table(
                {
                    "item_id": item_ids,
                    "category": pc.binary_join_element_wise(
                        "类目", category, ""
                    ),
                }
            )
        )
        times = values.to_integers(text["timestamp"])
        counts.unreadable += values.count_unreadable(text["timestamp"], times)
        yield pa.table(
            {
                "user_id": values.to_ids(text["user_id"]),
                "item_id": item_ids,
                "event_type": values.recode(
                    values.known(text["behavior"]), EVENT_TYPES
                ),
                "timestamp": times,
            }
        )


def convert(
    source_dir: pathlib.Path, data_dir: pathlib.Path
) -> dict[str, dict[str, int]]:
    """Writes the events and items tables of the log.

    Args:
      source_dir: Folder with `UserBehavior.csv`.
      data_dir: Folder of the contract's tables.

    Returns:
      Counts of each table, as in `tables.Counts`.

    Raises:
      DataError: The file is missing, empty or not UTF-8.
    """
    path = find_file(source_dir, FILE)
    events, items = Counts(), Counts()
    seen = SeenItems("category")
    events.written = write_table(
        _events(path, events, seen), "events", data_dir
    )
    table = seen.table()
    titles = pa.array([""] * table.num_rows, pa.string())
    items.written = write_table(
        table.append_column("title", titles), "items", data_dir
    )
    return {
        "events": dataclasses.asdict(events),
        "items": dataclasses.asdict(items),
    }
