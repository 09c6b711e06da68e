"""Reads the catalogue in the order of the model's rows."""

import pathlib

import numpy as np
import tensorflow as tf

from components.item_index.building import examples_of
from models.serving_graph.item_table import CatalogueColumns
from schema.errors import DataError

_BATCH = 4096
_FEATURES = {
    "item_id": tf.io.FixedLenFeature([], tf.string),
    "title": tf.io.FixedLenFeature([], tf.string),
    "text": tf.io.FixedLenFeature([], tf.string),
    "category": tf.io.FixedLenFeature([], tf.string),
    "brand": tf.io.FixedLenFeature([], tf.string),
    "shop_id": tf.io.FixedLenFeature([], tf.string),
    "price": tf.io.FixedLenFeature([], tf.float32),
    "in_stock": tf.io.FixedLenFeature([], tf.int64),
    # Catalogues of older runs do not say.
    "category_inferred": tf.io.FixedLenFeature([], tf.int64, 0),
}


def read_catalogue(
    split: pathlib.Path, item_ids: list[bytes]
) -> CatalogueColumns:
    """Reads what is shown of the model's items.

    Args:
      split: Folder of the catalogue's examples.
      item_ids: The model's items, in its order.

    Returns:
      The columns, in the order of `item_ids`; of an id that comes twice, the
      last by name of file.

    Raises:
      DataError: An item of the model is not in the catalogue.
    """
    batches = list(
        examples_of(split)
        .batch(_BATCH)
        .map(lambda rows: tf.io.parse_example(rows, _FEATURES))
        .as_numpy_iterator()
    )
    columns = {
        name: np.concatenate([batch[name] for batch in batches] or [[]])
        for name in _FEATURES
    }
    order = _rows_of(columns["item_id"].tolist(), item_ids)
    if (missing := order < 0).any():
        first = item_ids[int(np.argmax(missing))].decode()
        raise DataError(
            f"{int(missing.sum())} items of the model are not in the "
            f"catalogue {split}, the first is {first!r}; model and catalogue "
            "must come from the same run"
        )
    return CatalogueColumns(
        item_ids=item_ids,
        titles=columns["title"][order].tolist(),
        texts=columns["text"][order].tolist(),
        categories=columns["category"][order].tolist(),
        brands=columns["brand"][order].tolist(),
        shops=columns["shop_id"][order].tolist(),
        prices=columns["price"][order],
        in_stock=columns["in_stock"][order] != 0,
        inferred=columns["category_inferred"][order] != 0,
    )


def _rows_of(there: list[bytes], wanted: list[bytes]) -> np.ndarray:
    row_of = {item_id: row for row, item_id in enumerate(there)}
    return np.array([row_of.get(item_id, -1) for item_id in wanted], np.int64)
