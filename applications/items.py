"""What the item table says of items: the facts that systems may state."""

import dataclasses
import pathlib
import typing
from collections.abc import Iterable, Iterator

from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError

if typing.TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 4096
_TEXTS = ("item_id", "title", "description", "category", "brand")
_INFERRED = "category_inferred"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """One row of the item table.

    Attributes:
      item_id: Its id.
      title: As the seller wrote it.
      description: Longer text; may be empty.
      category: Path with `/` between levels; may be empty.
      brand: May be empty.
      price: CNY; None where unknown.
      tags: Free words.
      in_stock: Whether it can be bought.
    """

    item_id: str
    title: str = ""
    description: str = ""
    category: str = ""
    brand: str = ""
    price: float | None = None
    tags: tuple[str, ...] = ()
    in_stock: bool = True

    @property
    def leaf(self) -> str:
        """The last level of the category; empty where there is none."""
        return self.category.rpartition(CATEGORY_SEPARATOR)[2]

    @property
    def text(self) -> str:
        """All that is written of it."""
        return " ".join([self.title, self.description, *self.tags])


class ItemTable:
    """The items of a run, in one Arrow table."""

    def __init__(self, table: "pa.Table"):
        """Takes the columns `Item` names, in any order, one row an item."""
        self._table = table
        self._ids = table["item_id"].combine_chunks()

    def __len__(self) -> int:
        """Returns the number of items."""
        return self._table.num_rows

    def __iter__(self) -> Iterator[Item]:
        """Gives all items, in their order."""
        for batch in self._table.to_batches(max_chunksize=_BATCH):
            yield from map(_item, batch.to_pylist())

    def find(self, item_ids: Iterable[str]) -> dict[str, Item]:
        """Returns items by id; unknown ids are absent."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(list(item_ids), self._ids.type)
        rows = self._table.filter(pc.is_in(self._ids, value_set=wanted))
        return {row["item_id"]: _item(row) for row in rows.to_pylist()}

    def brands(self) -> frozenset[str]:
        """Returns every brand once."""
        import pyarrow.compute as pc

        found = pc.unique(self._table["brand"]).to_pylist()
        return frozenset(filter(None, found))


def _item(row: dict) -> Item:
    price = row["price"]
    return Item(
        **{name: row[name] or "" for name in _TEXTS},
        # A float32 as people wrote it: 35.9 instead of 35.90000153.
        # The catalogue writes -1 for a price that nobody knows.
        price=None if price is None or price < 0 else round(price, 2),
        tags=tuple(row["tags"] or ()),
        in_stock=row["in_stock"] is None or bool(row["in_stock"]),
    )


def read_items(catalogue: pathlib.Path) -> ItemTable:
    """Reads the items that a run's model answers with.

    A category that was inferred is likely, but no fact: it is left out.

    Args:
      catalogue: Folder of the Examples of the node `Catalogue`, what
        `report.json` names as `catalogue.path`.

    Raises:
      DataError: There are no items, or they cannot be read.
    """
    import numpy as np
    import pyarrow as pa
    import tensorflow as tf

    files = sorted(str(file) for file in catalogue.glob("Split-*/*.gz"))
    if not files:
        raise DataError(f"{catalogue} holds no examples (Split-all/*.gz)")
    features = {
        "item_id": tf.io.FixedLenFeature([], tf.string),
        _INFERRED: tf.io.FixedLenFeature([], tf.int64, 0),
        **{n: tf.io.FixedLenFeature([], tf.string, "") for n in _TEXTS[1:]},
        "price": tf.io.FixedLenFeature([], tf.float32, -1.0),
        "in_stock": tf.io.FixedLenFeature([], tf.int64, 1),
        "tags": tf.io.RaggedFeature(tf.string),
    }
    parsed = (
        tf.data.TFRecordDataset(files, compression_type="GZIP")
        .batch(_BATCH)
        .map(lambda rows: tf.io.parse_example(rows, features))
    )
    parts = []
    try:
        for batch in parsed:
            tags = batch.pop("tags")
            inferred = batch.pop(_INFERRED) != 0
            batch["category"] = tf.where(inferred, "", batch["category"])
            columns = {
                name: pa.array(values.numpy(), pa.binary()).cast(pa.string())
                if values.dtype == tf.string
                else pa.array(values.numpy())
                for name, values in batch.items()
            }
            columns["tags"] = pa.ListArray.from_arrays(
                pa.array(tags.row_splits.numpy().astype(np.int32)),
                pa.array(tags.values.numpy(), pa.binary()).cast(pa.string()),
            )
            parts.append(pa.table(columns))
    except (tf.errors.OpError, pa.ArrowException) as error:
        raise DataError(f"{catalogue} cannot be read: {error}") from error
    if not parts:
        raise DataError(f"{catalogue} holds no items")
    return ItemTable(pa.concat_tables(parts))
