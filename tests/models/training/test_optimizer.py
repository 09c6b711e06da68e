"""Sparse gradients count as what they add up to."""

import numpy as np
import tensorflow as tf

from models.training.optimizer import AdamW

RATE = 0.1


def moved(gradient):
    """Returns how far a step with that gradient takes a table [3, 2]."""
    table = tf.Variable(tf.zeros([3, 2]))
    # Far above all gradients, so that a step is in proportion to what is cut.
    optimizer = AdamW(RATE, weight_decay=0, epsilon=1e3, global_clipnorm=1.0)
    optimizer.apply_gradients([(gradient, table)])
    return table.numpy()


def sparse(values, rows):
    return tf.IndexedSlices(
        tf.constant(values), tf.constant(rows), tf.constant([3, 2])
    )


def test_rows_that_come_twice_are_cut_as_their_sum():
    dense = moved(tf.constant([[0.0, 0], [6, 8], [0, 0]]))
    assert dense.any()
    np.testing.assert_allclose(moved(sparse([[6.0, 8]], [1])), dense)
    # Each half is 5 long, both together 10, and not the root of 50.
    np.testing.assert_allclose(moved(sparse([[3.0, 4], [3, 4]], [1, 1])), dense)


def test_what_cancels_out_is_no_reason_to_cut():
    apart = moved(sparse([[0.5, 0], [30, 40], [-30, -40]], [0, 2, 2]))
    alone = moved(sparse([[0.5, 0]], [0]))
    np.testing.assert_allclose(apart, alone)
