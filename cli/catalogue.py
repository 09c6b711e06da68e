"""Looks items up in the catalogue that a run left."""

import dataclasses
import difflib
import pathlib
import typing
from collections.abc import Iterable

from schema.errors import DataError

if typing.TYPE_CHECKING:
    import pyarrow as pa

# Features of `schema/catalogue.pbtxt` that people see.
SHOWN_COLUMNS = ("item_id", "title", "category", "category_inferred", "price")
BATCH_ROWS = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """What a table shows of an item.

    Attributes:
      item_id: Its id.
      title: May be empty.
      category: Path with `/` between levels; may be empty.
      category_inferred: Whether it was told from words, not by the shop.
      price: CNY; None where unknown.
    """

    item_id: str
    title: str = ""
    category: str = ""
    category_inferred: bool = False
    price: float | None = None


class Catalogue:
    """The items of a run, in one Arrow table."""

    def __init__(self, path: pathlib.Path):
        """Reads the catalogue.

        Args:
          path: Folder of the Examples of the node `Catalogue`.

        Raises:
          DataError: There are no examples, or they cannot be read.
        """
        self._table = _read_examples(path)

    def items(self, item_ids: Iterable[str]) -> dict[str, Item]:
        """Returns what is known of some items; unknown ids are absent."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(list(item_ids), pa.string())
        rows = self._table.filter(
            pc.is_in(self._table["item_id"], value_set=wanted)
        )
        return {row["item_id"]: _item(row) for row in rows.to_pylist()}

    def near(self, item_id: str, count: int = 5) -> list[str]:
        """Returns ids that look like one that is not there, nearest first."""
        ids = self._table["item_id"].to_pylist()
        return difflib.get_close_matches(item_id, ids, n=count, cutoff=0.5)


def _item(row: dict) -> Item:
    price = row["price"]
    return Item(
        item_id=row["item_id"],
        title=row["title"],
        category=row["category"],
        category_inferred=bool(row["category_inferred"]),
        # The catalogue writes -1 for a price that nobody knows.
        price=price if price is not None and price >= 0 else None,
    )


def _read_examples(path: pathlib.Path) -> "pa.Table":
    import numpy as np
    import pyarrow as pa
    import tensorflow as tf

    files = sorted(str(file) for file in path.glob("Split-*/*.gz"))
    if not files:
        raise DataError(f"{path} holds no examples (Split-all/*.gz)")
    features = {
        "item_id": tf.io.FixedLenFeature([], tf.string),
        "title": tf.io.FixedLenFeature([], tf.string, ""),
        "category": tf.io.FixedLenFeature([], tf.string, ""),
        "category_inferred": tf.io.FixedLenFeature([], tf.int64, 0),
        "price": tf.io.FixedLenFeature([], tf.float32, -1.0),
    }
    batches = (
        tf.data.TFRecordDataset(files, compression_type="GZIP")
        .batch(BATCH_ROWS)
        .map(lambda rows: tf.io.parse_example(rows, features))
        .as_numpy_iterator()
    )
    columns: dict[str, list] = {name: [] for name in SHOWN_COLUMNS}
    try:
        for batch in batches:
            for name in SHOWN_COLUMNS:
                columns[name].append(batch[name])
    except tf.errors.OpError as error:
        raise DataError(f"{path} cannot be read: {error.message}") from error
    if not columns["item_id"]:
        raise DataError(f"{path} holds no items")
    arrays = {}
    for name, parts in columns.items():
        values = np.concatenate(parts)
        # Arrow refuses text that is not UTF-8.
        arrays[name] = (
            pa.array(values)
            if values.dtype != object
            else pa.array(values, pa.binary()).cast(pa.string())
        )
    return pa.table(arrays)
