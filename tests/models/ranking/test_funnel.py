"""Ranking heads: the funnel, slots, empty histories, the score."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.ranking.funnel import FunnelRanking


@pytest.fixture
def ranking():
    tf.keras.utils.set_random_seed(2)
    return FunnelRanking(
        head_names=("click", "cart", "buy"),
        item_sizes={"brand": 3, "price_bucket": 4, "tags": 6},
        lists=("tags",),
        context_sizes={"scene": 3},
        num_experts=2,
        width=8,
        dropout=0.0,
    )


def request(lengths=(3, 0), candidates=4, positions=-1):
    rng = np.random.default_rng(1)
    batch, steps = len(lengths), 3

    def normal(*shape):
        return tf.constant(rng.normal(size=shape), tf.float32)

    def items(*shape):
        def words(most, *more):
            return tf.constant(
                rng.integers(most, size=(*shape, *more)), tf.int32
            )

        return {
            "rows": words(5),
            "brand": words(3),
            "price_bucket": words(4),
            "tags": words(6, 2),
            "log_price": normal(*shape),
            "trained": tf.ones(shape),
        }

    return {
        "types": tf.ones([batch, steps], tf.int32),
        "times": tf.constant([[10, 20, 30]] * batch, tf.int64),
        "length": tf.constant(lengths),
        "history_features": items(batch, steps),
        "candidate_features": items(batch, candidates),
        "context": {"scene": tf.ones([batch], tf.int64)},
        "timestamp": tf.constant([100] * batch, tf.int64),
        "listed": tf.zeros([batch, candidates], tf.int64),
        "text_nearness": normal(batch, candidates, 3),
        "scores": normal(batch, candidates),
        "unlearned": tf.ones([batch]),
        "positions": tf.fill([batch, candidates], np.int64(positions)),
    }


def shaken(ranking):
    """Gives what begins at zero some values, so that it counts."""
    ranking(request())
    for weight in ranking.trainable_variables:
        weight.assign_add(tf.random.normal(weight.shape, stddev=0.1))


def test_chances_fall_down_the_funnel(ranking):
    chances = ranking(request())
    assert list(chances) == ["click", "cart", "buy"]
    for deeper in ("cart", "buy"):
        assert (chances[deeper].numpy() < chances["click"].numpy()).all()
    assert chances["click"].shape == (2, 4)
    assert np.isfinite(chances["buy"]).all()


def test_steps_beyond_the_length_do_not_count(ranking):
    shaken(ranking)
    one, other = request((1, 0)), request((1, 0))
    for name, values in other["history_features"].items():
        changed = tf.concat([values[:, :1], 1 + values[:, 1:]], 1)
        other["history_features"][name] = changed
    np.testing.assert_allclose(
        ranking(one)["buy"][0], ranking(other)["buy"][0], atol=1e-6
    )
    one = request((2, 0))
    other["length"] = one["length"]
    assert (
        np.abs(ranking(one)["buy"][0] - ranking(other)["buy"][0]).max() > 1e-6
    )


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


def test_the_score_is_read_only_where_the_towers_have_not_learned(ranking):
    shaken(ranking)
    one, other = request(), request()
    other["scores"] += 5.0
    moved = ranking(one)["click"] - ranking(other)["click"]
    assert np.abs(moved).min() > 1e-5
    one["unlearned"] = other["unlearned"] = tf.constant([0.0, 1.0])
    moved = ranking(one)["click"] - ranking(other)["click"]
    assert not moved.numpy()[0].any()
    assert np.abs(moved[1]).min() > 1e-5


def test_of_what_nobody_chose_only_the_matches_count(ranking):
    shaken(ranking)
    one, other = request(), request()
    for asked in (one, other):
        asked["candidate_features"]["trained"] = tf.constant(
            [[0.0, 1.0, 1.0, 1.0]] * 2
        )
    for weight in ranking.wide["brand"].weights:
        weight.assign_add(tf.random.normal(weight.shape))
    before = ranking(one)["click"].numpy()
    for weight in ranking.wide["brand"].weights:
        rows = tf.constant([[0.0], [1.0], [1.0]])  # 0 is unknown
        weight.assign_add(5.0 * rows * tf.ones_like(weight))
    after = ranking(other)["click"].numpy()
    np.testing.assert_allclose(after[:, 0], before[:, 0], atol=1e-6)
    assert np.abs(after - before)[:, 1:].max() > 1e-3
    # It is not taken for one of unknown brand that somebody chose.
    other["candidate_features"]["trained"] = tf.ones([2, 4])
    other["candidate_features"]["brand"] = tf.zeros([2, 4], tf.int32)
    other["candidate_features"]["price_bucket"] = tf.zeros([2, 4], tf.int32)
    assert np.abs(ranking(other)["click"][:, 0] - after[:, 0]).min() > 1e-6
