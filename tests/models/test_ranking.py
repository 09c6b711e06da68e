"""Ranking heads: the funnel, slots, empty histories."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.ranking import FunnelRanking, shared_words


@pytest.fixture
def ranking():
    tf.keras.utils.set_random_seed(2)
    return FunnelRanking(
        head_names=("click", "cart", "buy"),
        dimension=8,
        matches=("brand",),
        num_experts=2,
        width=8,
        dropout=0.0,
    )


def request(lengths=(3, 0), candidates=4, positions=-1):
    rng = np.random.default_rng(1)
    batch, steps = len(lengths), 3

    def normal(*shape):
        return tf.constant(rng.normal(size=shape), tf.float32)

    def rows(*shape):
        return {
            "rows": tf.constant(rng.integers(5, size=shape), tf.int32),
            "brand": tf.constant(rng.integers(3, size=shape), tf.int32),
        }

    return {
        "query": normal(batch, 8),
        "context": normal(batch, 8),
        "items": normal(batch, steps, 8),
        "types": tf.ones([batch, steps], tf.int32),
        "length": tf.constant(lengths),
        "candidates": normal(batch, candidates, 8),
        "history_features": rows(batch, steps),
        "candidate_features": rows(batch, candidates),
        "timestamp": tf.constant([100] * batch, tf.int64),
        "listed": tf.zeros([batch, candidates], tf.int64),
        "scores": normal(batch, candidates),
        "positions": tf.fill([batch, candidates], np.int64(positions)),
    }


def test_chances_fall_down_the_funnel(ranking):
    chances = ranking(request())
    assert list(chances) == ["click", "cart", "buy"]
    for deeper in ("cart", "buy"):
        assert (chances[deeper].numpy() < chances["click"].numpy()).all()
    assert chances["click"].shape == (2, 4)
    assert np.isfinite(chances["buy"]).all()


def test_steps_beyond_the_length_do_not_count(ranking):
    one, other = request((1, 0)), request((1, 0))
    noise = tf.random.normal(other["items"].shape)
    other["items"] = tf.concat([one["items"][:, :1], noise[:, 1:]], 1)
    other["items"] *= tf.constant([[[1.0]], [[5.0]]])
    np.testing.assert_allclose(
        ranking(one)["buy"], ranking(other)["buy"], atol=1e-6
    )


def test_words_that_a_candidate_shares_with_steps_are_counted():
    steps = tf.constant([[[1, 2], [2, 0], [2, 3]], [[5, 0], [0, 0], [5, 6]]])
    candidates = tf.constant(
        [[[2, 1], [3, 0], [0, 0], [4, 2]], [[5, 6], [6, 0], [1, 2], [0, 0]]]
    )
    here = tf.constant([[True, True, False], [True, True, True]])
    found = shared_words(candidates, steps, here).numpy().tolist()
    assert found == [[3, 0, 0, 2], [3, 1, 0, 0]]
    compiled = tf.function(shared_words, jit_compile=True)
    assert compiled(candidates, steps, here).numpy().tolist() == found
    empty = shared_words(candidates, steps[:, :0], here[:, :0])
    assert empty.numpy().tolist() == [[0] * 4] * 2
    assert shared_words(candidates[:, :0], steps, here).shape == (2, 0)


def test_slots_shift_all_candidates_alike(ranking):
    before = ranking(request(positions=0))["click"].numpy()
    table = ranking.slots.embeddings.numpy()
    table[1] = 2.0  # slot 0
    ranking.slots.set_weights([table])
    np.testing.assert_allclose(ranking(request())["click"], before, atol=1e-6)

    def logit(chance):
        return np.log(chance / (1 - chance))

    after = ranking(request(positions=0))["click"].numpy()
    np.testing.assert_allclose(logit(after) - logit(before), 2.0, atol=1e-3)


def test_loss_by_hand(ranking):
    chances = {
        "click": tf.constant([[0.5], [0.8]]),
        "cart": tf.constant([[0.25], [0.4]]),
        "buy": tf.constant([[0.1], [0.2]]),
    }
    labels = tf.constant([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    first = -np.log(0.5) - np.log(0.25) - np.log(0.9)
    second = -np.log(0.2) - np.log(0.6) - np.log(0.8)
    loss = ranking.loss(chances, labels, tf.constant([3.0, 1.0]))
    np.testing.assert_allclose(loss, (3 * first + second) / 4, rtol=1e-4)


def test_one_batch_can_be_learnt_by_heart(ranking):
    inputs = request((3, 2, 1, 0), candidates=1)
    labels = tf.constant([[1.0, 1, 1], [1.0, 0, 0], [0.0, 0, 0], [1.0, 1, 0]])
    optimizer = tf.keras.optimizers.Adam(0.02)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = ranking.loss(
                ranking(inputs, training=True), labels, tf.ones(4)
            )
        gradients = tape.gradient(loss, ranking.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, ranking.trainable_variables, strict=True)
        )
        return loss

    ranking(inputs)
    optimizer.build(ranking.trainable_variables)
    for _ in range(150):
        loss = step()
    assert float(loss) < 0.1


def test_heads_begin_at_the_mean_labels(ranking):
    ranking(request())
    for weight in ranking.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    ranking.start_at(np.array([0.2, 0.01, 0.0]))
    chances = ranking(request())
    np.testing.assert_allclose(chances["click"], np.full([2, 4], 0.2), 1e-5)
    np.testing.assert_allclose(chances["cart"], np.full([2, 4], 0.01), 1e-5)
    # Nobody bought: rare, but not impossible.
    np.testing.assert_allclose(chances["buy"], np.full([2, 4], 0.2e-4), 1e-4)


def test_a_funnel_that_nobody_entered_begins_somewhere(ranking):
    ranking.start_at(np.zeros(3))
    assert np.isfinite(ranking.head_bias.numpy()).all()
