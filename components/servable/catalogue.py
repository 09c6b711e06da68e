"""Reads catalogue and text vectors in the order of the model's rows."""

import json
import pathlib

import numpy as np
import pyarrow.parquet as pq
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
    "price": tf.io.FixedLenFeature([], tf.float32),
    "in_stock": tf.io.FixedLenFeature([], tf.int64),
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
        prices=columns["price"][order],
        in_stock=columns["in_stock"][order] != 0,
    )


def read_text_vectors(
    folder: pathlib.Path, item_ids: list[bytes]
) -> np.ndarray:
    """Reads the items' text vectors, made one long.

    Args:
      folder: Of the artifact `TextVectors`.
      item_ids: The model's items, in its order.

    Returns:
      float32 [N, d_text]; zeros where an item has no text.

    Raises:
      DataError: The folder is not whole, or vectors differ in length.
    """
    encoder_path = folder / "encoder.json"
    items_path = folder / "items.parquet"
    for path in (encoder_path, items_path):
        if not path.exists():
            raise DataError(f"{path} is missing")
    dimension = json.loads(encoder_path.read_text("utf-8"))["dimension"]
    table = pq.read_table(items_path, columns=["item_id", "vector"])
    vectors = table["vector"].combine_chunks()
    flat = vectors.flatten().to_numpy().astype(np.float32)
    if len(flat) != len(vectors) * dimension:
        raise DataError(
            f"{items_path} holds {len(flat)} numbers in {len(vectors)} "
            f"vectors; needed: {dimension} each"
        )
    flat = flat.reshape(-1, dimension)
    norms = np.linalg.norm(flat, axis=1, keepdims=True)
    known = [item_id.encode() for item_id in table["item_id"].to_pylist()]
    order = _rows_of(known, item_ids)
    ordered = np.zeros((len(item_ids), dimension), np.float32)
    found = order >= 0
    ordered[found] = (flat / np.maximum(norms, 1e-12))[order[found]]
    return ordered


def _rows_of(there: list[bytes], wanted: list[bytes]) -> np.ndarray:
    row_of = {item_id: row for row, item_id in enumerate(there)}
    return np.array([row_of.get(item_id, -1) for item_id in wanted], np.int64)
