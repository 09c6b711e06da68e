"""Trains and measures the index of a trained model; knows nothing of TFX."""

import json
import logging
import pathlib
import time

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)

from models.index import blocks, scann
from models.index.settings import IndexSettings
from models.metrics.popularity import of_the_head
from models.requests import from_examples
from schema.errors import DataError

INDEX_FILE = "index.json"
VECTORS_FILE = "vectors.npy"
ITEM_IDS_FILE = "item_ids.txt"
SCANN_FOLDER = "scann"

# The first that is there gives the queries that recall is measured on.
QUERY_SPLITS = ("sequence_eval", "sequence_train")

_BATCH = 256


def build(
    model_dir: pathlib.Path,
    query_splits: list[pathlib.Path],
    folder: pathlib.Path,
    settings: IndexSettings,
) -> dict[str, object]:
    """Builds the index and writes it to a folder.

    Args:
      model_dir: The trained SavedModel.
      query_splits: Folders of behaviour examples, the first that has any
        gives the query vectors that recall is measured on.
      folder: Where to write `index.json`, `vectors.npy`, `item_ids.txt`,
        `scann/` and, where they are what is served, `blocks.npz`.
      settings: Of the index.

    Returns:
      What stands in `index.json`.

    Raises:
      DataError: The model has no items or vectors that cannot be used, or
        there are no examples.
    """
    begun = time.monotonic()
    model = tf.saved_model.load(str(model_dir))
    vectors = model.item_vectors().numpy().astype(np.float32)
    item_ids = model.item_ids().numpy().tolist()
    if len(vectors) != len(item_ids):
        raise DataError(
            f"{model_dir}: item_vectors() has {len(vectors)} rows and "
            f"item_ids() {len(item_ids)}; they must be the same"
        )
    queries = query_vectors(model, query_splits, settings)
    tail = ~of_the_head(model.choices().numpy())
    index = scann.train(vectors, queries, settings, tail)
    folder.mkdir(parents=True, exist_ok=True)
    index.save(folder / SCANN_FOLDER)
    np.save(folder / VECTORS_FILE, vectors)
    kind = settings.resolve_kind(len(vectors))
    measured = {
        f"recall@{settings.k}": index.plan.recall,
        f"tail_recall@{settings.k}": index.plan.tail_recall,
    }
    if kind == "blocks":
        measured = _build_blocks(vectors, queries, folder, settings, tail)
    write_item_ids(folder / ITEM_IDS_FILE, item_ids)
    facts = {
        "kind": kind,
        "items": len(vectors),
        "dimension": vectors.shape[1],
        **measured,
        "recall_target": settings.recall_target,
        "queries": len(queries),
        "leaves": index.plan.leaves,
        "leaves_searched": index.plan.leaves_searched,
        "reordering": index.plan.reordering,
        "settings": json.loads(settings.to_json()),
        "seconds": round(time.monotonic() - begun, 3),
    }
    (folder / INDEX_FILE).write_text(
        json.dumps(facts, indent=2) + "\n", encoding="utf-8"
    )
    logging.getLogger(__name__).info("index: %s", facts)
    return facts


def _build_blocks(vectors, queries, folder, settings, tail):
    """Writes `blocks.npz`; returns what stands of it in `index.json`."""
    leaves = scann.leaves_of(folder / SCANN_FOLDER, len(vectors))
    cut = blocks.make(vectors, leaves, queries, settings, tail)
    cut.save(folder)
    return {
        f"recall@{settings.k}": cut.recall,
        f"tail_recall@{settings.k}": cut.tail_recall,
        "blocks": len(cut.rows),
        "blocks_searched": cut.searched,
    }


def query_vectors(
    model, splits: list[pathlib.Path], settings: IndexSettings
) -> np.ndarray:
    """Computes the vectors of real queries.

    Args:
      model: The loaded trained model.
      splits: Folders of behaviour examples; the first with any counts.
      settings: How many, and how much history.

    Returns:
      float32 [Q, d], Q at most `num_queries`.

    Raises:
      DataError: No folder has an example.
    """
    for split in splits:
        batches = (
            examples_of(split)
            .take(settings.num_queries)
            .batch(_BATCH)
            .map(lambda rows: from_examples(rows, settings.max_history))
        )
        found = [model.query_vectors(batch).numpy() for batch in batches]
        if found:
            return np.concatenate(found)
    raise DataError(
        "no behaviour examples to measure the index with in "
        + ", ".join(str(split) for split in splits)
    )


def examples_of(split: pathlib.Path) -> tf.data.Dataset:
    """Reads the serialised examples of a split that TFX wrote."""
    files = sorted(str(path) for path in split.glob("*.gz"))
    if not files:
        return tf.data.Dataset.from_tensor_slices(tf.zeros([0], tf.string))
    return tf.data.TFRecordDataset(files, "GZIP")


def write_item_ids(path: pathlib.Path, item_ids: list[bytes]) -> None:
    """Writes one id a line.

    Raises:
      DataError: An id holds a line break.
    """
    for row, item_id in enumerate(item_ids):
        if b"\n" in item_id or b"\r" in item_id:
            raise DataError(
                f"item_id of row {row} is {item_id!r}; allowed: any text "
                "without line breaks"
            )
    path.write_bytes(b"".join(item_id + b"\n" for item_id in item_ids))


def read_item_ids(path: pathlib.Path) -> list[bytes]:
    """Reads what `write_item_ids` wrote."""
    return path.read_bytes().split(b"\n")[:-1]
