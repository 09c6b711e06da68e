"""Ranks of targets, and the two softmaxes."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.retrieval import NEVER, SequenceRetrieval, target_ranks

ITEMS = tf.constant([[3.0], [2.0], [1.0], [1.0]])
QUERY = tf.constant([[1.0]])


def rank(target, seen=None):
    seen = None if seen is None else tf.constant([seen])
    return int(target_ranks(QUERY, tf.constant([target]), ITEMS, seen)[0])


def test_ranks_by_hand():
    assert [rank(n) for n in range(4)] == [0, 1, 2, 2]


def test_seen_items_do_not_stand_before_a_target():
    assert rank(2, [0, -1]) == 1
    assert rank(2, [0, 1]) == 0
    assert rank(1, [1, 2]) == 1


def test_equal_scores_do_not_look_good():
    same = tf.zeros([101, 1])
    ranks = target_ranks(QUERY, tf.constant([5]), same)
    assert int(ranks[0]) == 50


def task(available_from, full=True):
    return SequenceRetrieval(
        np.array([1, 1, 1, 1]), np.array(available_from), 4000, full
    )


def loss(retrieval, time=10, weights=(1.0,)):
    count = len(weights)
    return float(
        retrieval(
            tf.repeat(QUERY, count, 0),
            tf.repeat(tf.constant([2]), count),
            tf.repeat(tf.constant([time], tf.int64), count),
            tf.constant(weights),
            lambda rows: tf.gather(ITEMS, rows),
        )
    )


def test_an_item_not_yet_listed_is_no_negative():
    expected = np.log(np.exp([2.0, 1, 1]).sum()) - 1
    assert np.isclose(loss(task([11, 5, 0, 0])), expected)
    assert loss(task([9, 5, 0, 0])) > expected


@pytest.mark.parametrize("full", [True, False])
def test_an_item_may_be_no_negative_at_all(full):
    tf.random.set_seed(1)
    expected = np.log(np.exp([2.0, 1, 1]).sum()) - 1
    found = loss(task([NEVER, 0, 0, 0], full))
    assert np.isclose(found, expected, atol=1e-5 if full else 0.05)


def test_positions_of_weight_zero_do_not_count():
    tf.random.set_seed(1)
    assert np.isclose(
        loss(task([0] * 4), weights=(1.0, 0.0)), loss(task([0] * 4))
    )


def test_the_sampled_softmax_comes_close_to_the_full_one():
    tf.random.set_seed(1)
    full, some = loss(task([0] * 4)), loss(task([0] * 4, full=False))
    assert abs(full - some) < 0.05
