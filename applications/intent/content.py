"""What steps are about: items and searches as rows of one table."""

import dataclasses
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.catalogue_files import read_text_vectors


@dataclasses.dataclass(frozen=True)
class Content:
    """Items, then searches; row 0 is what nothing is known of.

    Attributes:
      item_ids: string [items]; row n + 1 is item n.
      queries: string [queries]; row n + 1 + items is query n.
      categories: Paths; index n + 1 is category n, 0 is none.
      category: int32 [rows], index of the row's category.
      brand: int32 [rows], 0 for none.
      price: float32 [rows], log of 1 + CNY, 0 where unknown.
      text: float32 [rows, d], of the text encoder, less their mean; d is 0
        without an encoder.
      brands: Their names; index n + 1 is brand n.
    """

    item_ids: pa.Array
    queries: pa.Array
    categories: tuple[str, ...]
    category: NDArray[np.int32]
    brand: NDArray[np.int32]
    price: NDArray[np.float32]
    text: NDArray[np.float32]
    brands: tuple[str, ...]

    @property
    def num_items(self) -> int:
        """Items."""
        return len(self.item_ids)

    def item_rows(self, ids: pa.Array) -> NDArray[np.int64]:
        """Returns the rows of items, 0 for unknown ones."""
        return _places(ids, self.item_ids) + 1

    def query_rows(self, texts: pa.Array) -> NDArray[np.int64]:
        """Returns the rows of searches, 0 for unknown ones."""
        place = _places(texts, self.queries)
        return np.where(place < 0, 0, place + 1 + self.num_items)


def read(
    items: pa.Table, queries: pa.Array, text_vectors: pathlib.Path | None
) -> Content:
    """Makes the table.

    Args:
      items: The contract's.
      queries: Distinct searches of the time that is learned from.
      text_vectors: A run's artifact `TextVectors`; None for none.
    """
    ids = items["item_id"].combine_chunks().cast(pa.string())
    categories, category = _coded(items, "category")
    brands, brand = _coded(items, "brand")
    price = np.zeros(len(ids), np.float32)
    if "price" in items.column_names:
        known = pc.fill_null(items["price"].cast(pa.float64()), 0.0)
        price = np.log1p(np.maximum(np.asarray(known), 0)).astype(np.float32)
    rows = 1 + len(ids) + len(queries)
    text = np.zeros((rows, 0), np.float32)
    if text_vectors is not None:
        text = np.concatenate(
            [
                _vectors(text_vectors, "item_id", ids),
                _vectors(text_vectors, "query", queries),
            ]
        )
        there = text.any(1, keepdims=True)
        text = np.where(there, text - text.mean(0, where=there), 0)
        text = np.concatenate([np.zeros((1, text.shape[1])), text])
    pad = (1, len(queries))
    return Content(
        item_ids=ids,
        queries=queries,
        categories=categories,
        category=np.pad(category, pad).astype(np.int32),
        brand=np.pad(brand, pad).astype(np.int32),
        price=np.pad(price, pad),
        text=text.astype(np.float32),
        brands=brands,
    )


def _coded(items, name):
    if name not in items.column_names:
        return (), np.zeros(len(items), np.int64)
    column = items[name].combine_chunks().cast(pa.string())
    values = pc.fill_null(column, "")
    names = tuple(sorted({value for value in values.to_pylist() if value}))
    return names, _places(values, pa.array(names, pa.string())) + 1


def _vectors(folder, key, wanted):
    keys, vectors, _ = read_text_vectors(str(folder), key)
    names = pa.array([k.decode() for k in keys], pa.string())
    place = _places(wanted, names)
    padded = np.concatenate(
        [vectors, np.zeros((1, vectors.shape[1]), np.float32)]
    )
    return padded[place]


def _places(values, known) -> NDArray[np.int64]:
    """Returns the place of each value in `known`, -1 where it has none."""
    found = pc.index_in(values.cast(pa.string()), known.cast(pa.string()))
    return np.asarray(pc.fill_null(found, -1), np.int64)
