"""Writes what the node reads, as the nodes before it would."""

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.text_embedding.pipeline import TextEmbeddingPaths


def example(item_id, text):
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in (("item_id", item_id), ("text", text))
    }
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def write_inputs(folder, items, queries):
    paths = TextEmbeddingPaths(
        catalogue=str(folder / "catalogue"),
        queries=str(folder / "queries"),
        text_vectors=str(folder / "vectors"),
    )
    (folder / "catalogue" / "Split-all").mkdir(parents=True, exist_ok=True)
    (folder / "queries").mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(
        str(folder / "catalogue/Split-all/data-00000.gz"), options="GZIP"
    ) as writer:
        for item_id, text in items.items():
            key = item_id if isinstance(item_id, bytes) else item_id.encode()
            writer.write(example(key, text))
    table = pa.table(
        {
            "query": pa.array(queries, pa.string()),
            "count": pa.array([1] * len(queries), pa.int64()),
        }
    )
    pq.write_table(table, folder / "queries" / "queries.parquet")
    return paths
