"""A tiny trained model and raw examples in the contract's form."""

import numpy as np
import pytest
import tensorflow as tf

from models.requests import retrieved_spec

TEXT = ("query", "scene", "city", "device", "gender", "age_band", "level")


REQUEST = {
    **{
        name: tf.TensorSpec([None, None], tf.string, name)
        for name in (
            "history_item_ids",
            "history_event_types",
            "history_queries",
        )
    },
    "history_timestamps": tf.TensorSpec([None, None], tf.int64),
    "timestamp": tf.TensorSpec([None], tf.int64),
    **{name: tf.TensorSpec([None], tf.string) for name in TEXT},
}


class TinyModel(tf.Module):
    """Answers with the item after the last one of the history: 0→1→2→…"""

    def __init__(self, num_items):
        super().__init__()
        self.ids = tf.Variable([f"i{row}" for row in range(num_items)])
        self.vectors = tf.Variable(np.eye(num_items, dtype=np.float32))
        # By text, i2 is like i3, and nothing else like anything.
        texts = np.zeros((num_items, 2), np.float32)
        texts[2:4] = [[0, 1], [0, 2]]
        self.texts = tf.Variable(texts)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                [f"i{row}" for row in range(num_items)],
                tf.range(num_items),
            ),
            -1,
        )

    @tf.function(input_signature=[])
    def item_ids(self):
        return self.ids.value()

    @tf.function(input_signature=[])
    def item_vectors(self):
        return self.vectors.value()

    @tf.function(input_signature=[])
    def text_vectors(self):
        return self.texts.value()

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
    def lookup(self, item_ids):
        return self.table.lookup(item_ids)

    @tf.function(input_signature=[REQUEST])
    def query_vectors(self, request):
        rows = self.table.lookup(request["history_item_ids"])
        length = tf.reduce_sum(tf.cast(rows >= 0, tf.int32), axis=1)
        last = tf.gather(rows, tf.maximum(length - 1, 0), batch_dims=1)
        num_items = tf.shape(self.vectors)[0]
        return tf.one_hot(tf.where(length > 0, last + 1, 0), num_items)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def encode_queries(self, texts):
        return tf.zeros([tf.shape(texts)[0], 0])

    @tf.function(
        input_signature=[REQUEST, tf.TensorSpec([None, 0], tf.float32)]
    )
    def retrieve(self, request, text):
        """The one before the last item is a little likely again."""
        rows = self.table.lookup(request["history_item_ids"])
        length = tf.reduce_sum(tf.cast(rows >= 0, tf.int32), axis=1)
        before = tf.gather(rows, tf.maximum(length - 2, 0), batch_dims=1)
        before = tf.where(length > 1, before, -1)[:, None]
        return {
            "query": self.query_vectors(request),
            "neighbours": before,
            "added": tf.where(before >= 0, 0.5, 0.0),
            "unseen_offset": tf.zeros_like(length, tf.float32),
        }

    @tf.function(input_signature=[])
    def choices(self):
        return tf.ones_like(self.vectors[:, 0])

    @tf.function(
        input_signature=[
            REQUEST,
            tf.TensorSpec([None, 0], tf.float32),
            retrieved_spec(),
            tf.TensorSpec([None, None], tf.int32),
        ]
    )
    def rank_scores(self, request, text, retrieved, item_rows):
        """Whoever asks: 2, 3, 1, 4, 0, 5 and so on."""
        return {"score": -((tf.cast(item_rows, tf.float32) - 2.25) ** 2)}


def example(user, history, targets=(), timestamp=0, **context):
    """history: (item, event type, query, timestamp) tuples."""
    columns = list(zip(*history, strict=True)) or [(), (), (), ()]

    def text(values):
        values = [value.encode() for value in values]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    def number(values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    features = {
        "user_id": text([user]),
        "timestamp": number([timestamp]),
        "history_item_ids": text(columns[0]),
        "history_event_types": text(columns[1]),
        "history_queries": text(columns[2]),
        "history_timestamps": number(columns[3]),
        "target_item_ids": text(targets),
        **{name: text([context.get(name, "")]) for name in TEXT},
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def write_split(folder, split, examples):
    path = folder / f"Split-{split}"
    path.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path / "data-00000.gz"), "GZIP") as writer:
        for one in examples:
            writer.write(one.SerializeToString())


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tf.saved_model.save(TinyModel(12), str(folder))
    return str(folder)


@pytest.fixture
def make_example():
    return example


@pytest.fixture
def write_examples():
    return write_split
