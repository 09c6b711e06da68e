"""Losses, by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models import losses

QUERIES = tf.constant([[1.0, 0.0], [0.0, 2.0]])
ITEMS = tf.constant([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
TARGETS = tf.constant([[0], [1]])
WHOLE = tf.ones([2, 1])


def test_full_softmax_by_hand():
    loss = losses.full_softmax_loss(QUERIES, ITEMS, TARGETS, WHOLE)
    e = math.e
    np.testing.assert_allclose(
        loss,
        [math.log(2 * e + 1) - 1, math.log(1 + 2 * e**2) - 2],
        rtol=1e-6,
    )


def test_unavailable_items_are_no_negatives():
    gone = tf.constant([[False, False, True], [False, True, False]])
    loss = losses.full_softmax_loss(QUERIES, ITEMS, TARGETS, WHOLE, gone)
    # The second query's own target counts although it is marked.
    expected = [math.log(math.e + 1) - 1, math.log(1 + 2 * math.e**2) - 2]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


def test_shares_divide_the_choice_among_targets():
    shares = tf.constant([[0.75, 0.25]])
    loss = losses.full_softmax_loss(
        QUERIES[:1], ITEMS, tf.constant([[0, 1]]), shares
    )
    expected = math.log(2 * math.e + 1) - 0.75
    np.testing.assert_allclose(loss, [expected], rtol=1e-6)


def test_targets_are_available_all_of_them():
    gone = tf.constant([[False, True, True]])
    loss = losses.full_softmax_loss(
        QUERIES[:1],
        ITEMS,
        tf.constant([[0, 1]]),
        tf.constant([[0.5, 0.5]]),
        gone,
    )
    np.testing.assert_allclose(loss, [math.log(math.e + 1) - 0.5], rtol=1e-6)


def test_log_q_lifts_what_is_rarely_drawn():
    logits = tf.constant([[1.0, 1.0]])
    often, rarely = math.log(0.9), math.log(0.1)
    corrected = losses.log_q_correction(logits, tf.constant([often, rarely]))
    np.testing.assert_allclose(corrected, [[1 - often, 1 - rarely]], rtol=1e-6)
    assert corrected[0, 1] > corrected[0, 0] > logits[0, 0]


def sampled(rows, log_q):
    return losses.sampled_softmax_loss(
        queries=QUERIES,
        target_items=tf.gather(ITEMS, TARGETS),
        targets=TARGETS,
        shares=WHOLE,
        sampled_items=tf.gather(ITEMS, rows),
        sampled=tf.constant(rows),
        sampled_log_q=tf.constant(log_q),
    )


def test_a_sample_of_everything_is_the_full_softmax():
    full = losses.full_softmax_loss(QUERIES, ITEMS, TARGETS, WHOLE)
    np.testing.assert_allclose(
        sampled([0, 1, 2], [0.0, 0.0, 0.0]), full, rtol=1e-5
    )


def test_a_target_in_the_sample_is_no_negative_of_itself():
    with_hit = sampled([0, 2], [0.0, 0.0])[0]
    np.testing.assert_allclose(with_hit, sampled([2], [0.0])[0], rtol=1e-5)


def test_a_negative_that_is_drawn_often_weighs_less():
    # Drawn 4 times as often, an item stands for a quarter of itself.
    e = math.e
    loss = sampled([1], [math.log(4.0)])[0]
    assert float(loss) == pytest.approx(math.log(e + 0.25) - 1, rel=1e-5)


def test_an_expectation_of_the_sampled_loss_has_no_popularity_in_it():
    # Item 1 is drawn 9 of 10 times; corrected, the gradient on both
    # negatives is the one of the full softmax.
    rng = np.random.default_rng(0)
    chance = np.array([0.9, 0.1])
    rows = 1 + rng.choice(2, size=4000, p=chance)
    log_q = np.log(4000 * chance)[rows - 1].astype(np.float32)
    query = tf.Variable([[0.3, 0.2]])
    with tf.GradientTape(persistent=True) as tape:
        full = losses.full_softmax_loss(query, ITEMS, TARGETS[:1], WHOLE[:1])
        some = losses.sampled_softmax_loss(
            queries=query,
            target_items=ITEMS[None, :1],
            targets=TARGETS[:1],
            shares=WHOLE[:1],
            sampled_items=tf.gather(ITEMS, rows),
            sampled=tf.constant(rows, tf.int32),
            sampled_log_q=tf.constant(log_q),
        )
    np.testing.assert_allclose(
        tape.gradient(some, query), tape.gradient(full, query), atol=0.03
    )


def test_weighted_mean_of_nothing_is_zero():
    mean = losses.weighted_mean(tf.constant([2.0, 4.0]), tf.constant([1.0, 3]))
    assert float(mean) == 3.5
    assert float(losses.weighted_mean(tf.ones(2), tf.zeros(2))) == 0


def test_a_choice_counts_half_after_each_half_life():
    day = 86_400
    times = tf.constant([0, 10 * day, 20 * day], tf.int64)
    weights = losses.recency_weight(times, 20 * day, 10.0)
    np.testing.assert_allclose(weights, [0.25, 0.5, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(
        losses.recency_weight(times, 20 * day, 0.0), [1, 1, 1]
    )
