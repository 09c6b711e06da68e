import numpy as np
import tensorflow as tf

from models.serving_graph.known_queries import KnownQueries


class Encoder:
    """Length and first byte of a text; notes what it had to look at."""

    def __init__(self):
        self.seen = []

    def __call__(self, texts):
        found = texts.numpy().tolist()
        self.seen += [text for text in found if text]
        return tf.constant(
            [[float(len(t)), float(t[0]) if t else 0.0] for t in found]
        )


def test_only_others_are_encoded():
    encode = Encoder()
    known = KnownQueries([b"mouse", b"cup"], encode)
    assert encode.seen == [b"mouse", b"cup"]
    encode.seen.clear()
    asked = tf.constant(["cup", "", "lamp", "mouse", "Cup"])
    vectors = known.encode(asked, encode).numpy()
    assert encode.seen == [b"lamp", b"Cup"]
    np.testing.assert_array_equal(vectors, Encoder()(asked).numpy())


def test_nothing_need_be_known():
    encode = Encoder()
    known = KnownQueries([], encode)
    vectors = known.encode(tf.constant(["cup", ""]), encode).numpy()
    np.testing.assert_array_equal(vectors, [[3, ord("c")], [0, 0]])


def test_it_is_saved_with_its_vectors(tmp_path):
    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.known = KnownQueries([b"cup"], Encoder())

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def encode(self, queries):
            return self.known.encode(
                queries, lambda texts: tf.zeros([tf.shape(texts)[0], 2])
            )

    tf.saved_model.save(Module(), str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    found = loaded.encode(tf.constant(["lamp", "cup"])).numpy()
    np.testing.assert_array_equal(found, [[0, 0], [3, ord("c")]])
