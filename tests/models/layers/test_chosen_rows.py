"""Computing for some rows only."""

import tensorflow as tf

from models.layers.chosen_rows import on_rows


def test_only_chosen_rows_are_computed():
    seen = []

    def compute(named, other):
        seen.append(len(other))
        return tf.stack([named["x"] + 1.0, other], 1)

    inputs = {"x": tf.constant([1.0, 2.0, 3.0])}, tf.constant([4.0, 5.0, 6.0])
    chosen = tf.constant([True, False, True])
    found = on_rows(chosen, compute, inputs)
    assert found.numpy().tolist() == [[2, 4], [0, 0], [4, 6]]
    same = on_rows(chosen, compute, inputs, fixed_shapes=True)
    assert same.numpy().tolist() == found.numpy().tolist()
    none = on_rows(tf.zeros([3], tf.bool), compute, inputs)
    assert none.numpy().tolist() == [[0, 0]] * 3
    assert seen == [2, 3, 0]


def test_rows_of_nothing_are_rows_too():
    text = tf.zeros([3, 0])  # where there is no encoder
    chosen = tf.constant([True, False, True])
    found = on_rows(chosen, lambda x: tf.ones([len(x), 1]), (text,))
    assert found.numpy().tolist() == [[1], [0], [1]]
