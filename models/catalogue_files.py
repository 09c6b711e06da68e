"""Reads the catalogue from files: transformed items, texts and vectors.

What comes out are arrays in the order of the items' ids, as the table of
`models.item_table` holds them.
"""

import json
import logging
import os

import numpy as np
import pyarrow.parquet as pq
import tensorflow as tf

from models.features import ITEM_FEATURES, MAX_TAGS
from schema.errors import DataError

_log = logging.getLogger(__name__)


def read_text_vectors(
    folder: str, key: str
) -> tuple[np.ndarray, np.ndarray, dict]:
    """Reads a `TextVectors` artifact.

    Args:
      folder: Where `items.parquet`, `queries.parquet`, `encoder.json` are.
      key: `item_id` for items, `query` for queries.

    Returns:
      Keys (object [M] of bytes), vectors (float32 [M, dimension]) and what
      `encoder.json` says. The dimension is 0 if there is no encoder.

    Raises:
      DataError: Vectors are not all of the encoder's dimension.
    """
    with open(os.path.join(folder, "encoder.json"), encoding="utf-8") as file:
        encoder = json.load(file)
    name = {"item_id": "items.parquet", "query": "queries.parquet"}[key]
    path = os.path.join(folder, name)
    table = pq.read_table(path, columns=[key, "vector"]).combine_chunks()
    keys = np.array(
        [text.encode() for text in table[key].to_pylist()], dtype=object
    )
    column = table["vector"].combine_chunks()
    flat = np.asarray(column.flatten(), np.float32)
    dimension = int(encoder["dimension"])
    if flat.size != len(keys) * dimension:
        raise DataError(
            f"{path}: {flat.size} numbers in {len(keys)} vectors; "
            f"allowed: {dimension} each, as encoder.json says"
        )
    return keys, flat.reshape(len(keys), dimension), encoder


def read_item_texts(folder: str, item_ids: np.ndarray) -> np.ndarray:
    """Reads the texts that the items' vectors were made of.

    Args:
      folder: A `TextVectors` artifact.
      item_ids: Bytes [N].

    Returns:
      Bytes (object [N]), in the order of `item_ids`; empty without a text.

    Raises:
      DataError: The artifact was made before it kept the texts.
    """
    path = os.path.join(folder, "items.parquet")
    if "text" not in pq.read_schema(path).names:
        raise DataError(
            f"{path} has no column text, which training the encoder needs; "
            "run the pipeline again, whose TextEmbedding writes it"
        )
    table = pq.read_table(path, columns=["item_id", "text"])
    text_of = dict(
        zip(
            (item_id.encode() for item_id in table["item_id"].to_pylist()),
            table["text"].to_pylist(),
            strict=True,
        )
    )
    return np.array([text_of.get(i, b"") for i in item_ids], object)


def read_items(
    files: list[str], *, images: bool = False
) -> dict[str, np.ndarray]:
    """Reads transformed items, sorted by id so that rows are repeatable.

    Args:
      files: TFRecord files (gzip) that the item Transform wrote.
      images: Whether vectors are read too.

    Returns:
      Each feature of `ITEM_FEATURES` as an array [N], lists [N, MAX_TAGS] as
      `first_words` makes them, vectors [N, width], zeros where there is none,
      of width 0 where no item has one.

    Raises:
      DataError: There is no item, or an id that is empty, double, or has a
        line break in it.
    """
    spec = {
        f.name: tf.io.VarLenFeature(tf.as_dtype(f.dtype))
        if f.is_list or f.is_vector
        else tf.io.FixedLenFeature([], tf.as_dtype(f.dtype))
        for f in ITEM_FEATURES
        if images or not f.is_vector
    }
    lists = [f for f in ITEM_FEATURES if f.is_list]

    def parse(examples):
        parsed = tf.io.parse_example(examples, spec)
        cut = {f.name: _too_many(parsed[f.name]) for f in lists}
        return dense(parsed), cut

    batches = list(
        tf.data.TFRecordDataset(files, compression_type="GZIP")
        .batch(4096)
        .map(parse)
        .as_numpy_iterator()
    )
    if not batches:
        raise DataError("the catalogue is empty; at least one item is needed")
    columns = {
        name: _joined([batch[name] for batch, _ in batches]) for name in spec
    }
    for feature in lists:
        cut = sum(int(counts[feature.name]) for _, counts in batches)
        if cut:
            _log.warning(
                "%d items have more than %d %s that others have too; of "
                "those, the %d that most items have are read",
                cut,
                MAX_TAGS,
                feature.source,
                MAX_TAGS,
            )
    order = np.argsort(columns["item_id"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    ids = columns["item_id"]
    bad = [i for i in ids if not i or b"\n" in i or b"\r" in i]
    bad += list(ids[1:][ids[1:] == ids[:-1]])
    if bad:
        raise DataError(
            f"catalogue: item_id {bad[0]!r}; allowed: unique, not empty, "
            "without line breaks"
        )
    return columns


def first_words(words: tf.SparseTensor, width: int) -> tf.Tensor:
    """Keeps of each item the words that most items have.

    The smallest indices are those of the most frequent words, of which the
    model learns most. Which are kept does not depend on their order.

    Args:
      words: int64 [M, any], vocabulary indices, each once a row; 0 unknown.
      width: How many are kept at most.

    Returns:
      int64 [M, width], ascending, zeros behind them.

    >>> words = tf.constant([[9, 0, 4, 2], [0, 0, 0, 5]], tf.int64)
    >>> first_words(tf.sparse.from_dense(words), 2).numpy().tolist()
    [[2, 4], [5, 0]]
    """
    known = words.values > 0
    rows = tf.boolean_mask(words.indices[:, 0], known)
    # One sort by row and then index; as numbers, both are below 2^31.
    keys = tf.sort(rows * 2**31 + tf.boolean_mask(words.values, known))
    rows, values = keys // 2**31, keys % 2**31
    place = tf.range(tf.size(keys, tf.int64)) - tf.searchsorted(
        rows, rows, out_type=tf.int64
    )
    kept = place < width
    where = tf.boolean_mask(tf.stack([rows, place], -1), kept)
    shape = tf.stack([words.dense_shape[0], width])
    made = tf.scatter_nd(where, tf.boolean_mask(values, kept), shape)
    return tf.ensure_shape(made, [None, width])


def dense(items: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Brings lists of transformed items to the width of the table's.

    Vectors become as long as the longest of them.
    """
    return {name: _dense(values) for name, values in items.items()}


def _dense(values):
    if not isinstance(values, tf.SparseTensor):
        return values
    if values.dtype.is_floating:
        return tf.sparse.to_dense(values)
    return first_words(values, MAX_TAGS)


def _joined(batches):
    """Joins batches; one without vectors has them of width 0."""
    if batches[0].ndim == 1:
        return np.concatenate(batches)
    width = max(batch.shape[1] for batch in batches)
    return np.concatenate([widened(batch, width) for batch in batches])


def widened(vectors: np.ndarray, least: int) -> np.ndarray:
    """Gives vectors columns of zeros up to a width.

    >>> widened(np.zeros([2, 0], np.float32), 1)
    array([[0.],
           [0.]], dtype=float32)
    """
    missing = max(0, least - vectors.shape[1])
    return np.pad(vectors, [(0, 0), (0, missing)])


def _too_many(words):
    """Counts rows with more known words than the table has room for."""
    known = tf.boolean_mask(words.indices[:, 0], words.values > 0)
    _, _, counts = tf.unique_with_counts(known)
    return tf.math.count_nonzero(counts > MAX_TAGS)


def align(ids: np.ndarray, keys: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Orders vectors by ids; an id without a vector gets zeros.

    >>> align(np.array([b"a", b"b"]), np.array([b"b"]), np.ones((1, 2)))
    array([[0., 0.],
           [1., 1.]], dtype=float32)
    """
    aligned = np.zeros((len(ids), vectors.shape[1]), np.float32)
    place = {key: row for row, key in enumerate(keys)}
    found = np.array([place.get(i, -1) for i in ids])
    aligned[found >= 0] = vectors[found[found >= 0]]
    return aligned
