import numpy as np
import tensorflow as tf

from models.requests import REQUEST, from_examples, pack_history, request_spec


def example(history, timestamp=100, **context):
    def bytes_list(values):
        return tf.train.Feature(
            bytes_list=tf.train.BytesList(value=[v.encode() for v in values])
        )

    def int64_list(values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    features = {f.name: bytes_list([""]) for f in REQUEST}
    features |= {name: bytes_list([text]) for name, text in context.items()}
    features |= {
        "history_item_ids": bytes_list(history),
        "history_event_types": bytes_list(["click"] * len(history)),
        "history_queries": bytes_list(["鼠标"] * len(history)),
        "history_timestamps": int64_list(list(range(len(history)))),
        "timestamp": int64_list([timestamp]),
    }
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def test_keeps_the_most_recent_steps_padded_on_the_right():
    serialized = [example(["a", "b", "c"], city="杭州"), example(["d"])]
    # In a data set, so as a graph; the next test runs it eagerly.
    data = tf.data.Dataset.from_tensor_slices(serialized).batch(2)
    request = next(iter(data.map(lambda rows: from_examples(rows, 2))))
    assert request.keys() == request_spec().keys()
    np.testing.assert_array_equal(
        request["history_item_ids"], [[b"b", b"c"], [b"d", b""]]
    )
    np.testing.assert_array_equal(
        request["history_timestamps"], [[1, 2], [0, 0]]
    )
    np.testing.assert_array_equal(request["city"], ["杭州".encode(), b""])
    np.testing.assert_array_equal(request["timestamp"], [100, 100])


def test_a_user_without_history_has_one_empty_step():
    request = from_examples(tf.constant([example([])]), 5)
    np.testing.assert_array_equal(request["history_item_ids"], [[b""]])


def test_packs_steps_that_count_to_the_left():
    serialized = tf.constant(
        [example(["a", "?", "b", "c", ""]), example(["?", "?", "", "?", "d"])]
    )
    request = from_examples(serialized, 9)
    keep = tf.constant([[True, False, True, True, False], [False] * 4 + [True]])
    packed = pack_history(request, keep, 2)
    np.testing.assert_array_equal(
        packed["history_item_ids"], [[b"b", b"c"], [b"d", b""]]
    )
    np.testing.assert_array_equal(
        packed["history_timestamps"], [[2, 3], [4, 0]]
    )


def test_packs_an_empty_history():
    request = from_examples(tf.constant([example([])]), 5)
    request = {
        name: value[:, :0] if name.startswith("history") else value
        for name, value in request.items()
    }
    packed = pack_history(request, tf.zeros([1, 0], tf.bool), 5)
    np.testing.assert_array_equal(packed["history_item_ids"], [[b""]])
    np.testing.assert_array_equal(packed["history_timestamps"], [[0]])
