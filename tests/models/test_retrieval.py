"""Ranks of targets, and the two softmaxes."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.retrieval import (
    NEVER,
    SequenceRetrieval,
    target_ranks,
    target_ranks_by_parts,
    target_window,
)

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


@pytest.mark.parametrize("part", [1, 3, 7, 50])
def test_ranks_are_the_same_by_parts(part):
    rng = np.random.default_rng(3)
    items = tf.constant(rng.normal(size=[20, 4]), tf.float32)
    queries = tf.constant(rng.normal(size=[6, 4]), tf.float32)
    targets = tf.constant(rng.integers(0, 20, 6), tf.int32)
    seen = tf.constant([[0, 3, -1], [-1, -1, -1], [5, 6, 7]] * 2)
    for known in (None, seen):
        found = target_ranks_by_parts(
            queries,
            targets,
            lambda rows: tf.gather(items, rows),
            20,
            known,
            part=part,
        )
        expected = target_ranks(queries, targets, items, known)
        assert found.numpy().tolist() == expected.numpy().tolist()
        assert len(set(found.numpy())) > 2


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
            window=(tf.range(count)[:, None], tf.ones([count, 1])),
            times=tf.repeat(tf.constant([time], tf.int64), count),
            weights=tf.constant(weights),
            vectors=lambda rows: tf.gather(ITEMS, rows),
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


@pytest.mark.parametrize("full", [True, False])
def test_a_later_choice_is_a_target_by_its_share(full):
    def found(window, targets):
        tf.random.set_seed(1)
        return float(
            task([0] * 4, full)(
                tf.repeat(QUERY, 2, 0),
                tf.constant(targets),
                window=window,
                times=tf.constant([10, 10], tf.int64),
                weights=tf.constant([1.0, 0.0]),
                vectors=lambda rows: tf.gather(ITEMS, rows),
            )
        )

    def alone(target):
        window = (tf.constant([[0], [1]]), tf.ones([2, 1]))
        return found(window, [target, target])

    places, shares = tf.constant([[0, 1]] * 2), tf.constant([[0.75, 0.25]] * 2)
    both = found((places, shares), [1, 3])
    if full:
        expected = 0.75 * alone(1) + 0.25 * alone(3)
    else:
        # A target is no negative of the other one.
        rest = np.exp([3.0, 1.0]).sum()
        expected = 0.75 * np.log1p(rest / np.exp(2)) + 0.25 * np.log1p(
            rest / np.exp(1)
        )
    assert np.isclose(both, expected, atol=1e-5 if full else 0.05)


def window(there, query_rows, width, decay=0.5):
    places = tf.reshape(tf.range(tf.size(there)), tf.shape(there))
    found = target_window(places, there, query_rows, width, decay)
    return [part.numpy().astype(float).round(3).tolist() for part in found]


def test_what_is_no_target_is_no_later_target_either():
    there = tf.constant([[True, False, True], [False, True, True]])
    places, shares = window(there, tf.zeros_like(there, tf.int32), 3)
    assert places == [
        [[0, 0, 2], [1, 1, 1], [2, 2, 2]],
        [[3, 3, 3], [4, 5, 4], [5, 5, 5]],
    ]
    assert shares[0][0] == [0.8, 0, 0.2]
    assert shares[1][1:] == [[0.667, 0.333, 0], [1, 0, 0]]


def test_a_window_of_one_is_the_next_choice_alone():
    there = tf.constant([[True, True]])
    places, shares = window(there, tf.zeros_like(there, tf.int32), 1)
    assert places == [[[0], [1]]]
    assert shares == [[[1], [1]]]


def test_a_window_may_be_longer_than_the_sequence():
    there = tf.constant([[True, True]])
    places, _ = window(there, tf.zeros_like(there, tf.int32), 5)
    assert places == [[[0, 1, 0, 0, 0], [1, 1, 1, 1, 1]]]
