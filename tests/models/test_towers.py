"""Towers: causality, padding, hidden ids."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.features import Feature
from models.layers.causal_block import rotate
from models.towers import ItemTower, QueryTower, sum_of_words


@pytest.fixture(params=[False, True], ids=["plain", "gated"])
def query_tower(request):
    tf.keras.utils.set_random_seed(3)
    return QueryTower(
        dimension=8,
        num_blocks=2,
        num_heads=2,
        feed_forward=2,
        gated=request.param,
        dropout=0.3,
        features=(),
        sizes={},
        num_event_types=5,
    )


def history(length, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "items": tf.constant(rng.normal(size=(2, length, 8)), tf.float32),
        "types": tf.constant(rng.integers(5, size=(2, length)), tf.int32),
        "gaps": tf.constant(rng.integers(30, size=(2, length)), tf.int32),
    }


def test_a_later_step_changes_no_earlier_state(query_tower):
    one, other = history(6), history(6, seed=1)
    mixed = {k: tf.concat([one[k][:, :4], other[k][:, 4:]], 1) for k in one}
    before, after = query_tower.states(one), query_tower.states(mixed)
    np.testing.assert_allclose(before[:, :5], after[:, :5], atol=1e-6)
    assert np.abs(before[:, 5:] - after[:, 5:]).max() > 1e-3


def test_padding_on_the_right_changes_nothing(query_tower):
    short = history(4)
    padded = {
        k: tf.concat([v, history(3, seed=9)[k]], 1) for k, v in short.items()
    }
    np.testing.assert_allclose(
        query_tower.states(short),
        query_tower.states(padded)[:, :5],
        atol=1e-6,
    )


def test_an_empty_history_has_a_state(query_tower):
    states = query_tower.states(history(0))
    assert states.shape == (2, 1, 8)
    assert np.isfinite(states).all()


def test_rotation_depends_on_distance_only():
    x = tf.ones([1, 1, 6, 4])
    scores = tf.matmul(rotate(x), rotate(x), transpose_b=True)[0, 0].numpy()
    for distance in range(5):
        diagonal = np.diagonal(scores, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-5)
    assert scores[0, 0] > scores[0, 3]


@pytest.fixture
def item_tower():
    tf.keras.utils.set_random_seed(3)
    color = Feature(name="color", source="color", tower="item", size=4)
    tower = ItemTower(
        dimension=8,
        num_items=3,
        features=(color,),
        sizes={"color": 4},
        id_dropout=0.5,
        dropout=0.0,
    )
    return tower


def of(rows, trained, color):
    return {
        "rows": tf.constant(rows),
        "trained": tf.constant(trained),
        "color": tf.constant(color),
        "text": tf.zeros([len(rows), 5]),
    }


def test_items_of_untrained_ids_stand_on_their_content(item_tower):
    vectors = item_tower(of([0, 1, 2, -1], [1.0, 0, 0, 0], [1, 1, 2, 1]))
    vectors = vectors.numpy()
    np.testing.assert_allclose(vectors[1], vectors[3], atol=1e-7)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3
    assert np.abs(vectors[1] - vectors[2]).max() > 1e-3


def test_words_are_summed_and_padding_is_nothing():
    embedding = tf.keras.layers.Embedding(4, 2)
    embedding.build([])
    embedding.set_weights([np.array([[9, 9], [1, 10], [2, 20], [3, 30]])])
    words = tf.constant([[[1, 3, 0], [0, 0, 0]], [[2, 0, 0], [3, 1, 2]]])
    with tf.GradientTape() as tape:
        summed = sum_of_words(embedding, words)
        total = tf.reduce_sum(summed)
    assert summed.shape == (2, 2, 2)
    assert summed.numpy().tolist() == [
        [[4, 40], [0, 0]],
        [[2, 20], [6, 60]],
    ]
    learned = tf.convert_to_tensor(tape.gradient(total, embedding.embeddings))
    assert learned.numpy()[:, 0].tolist() == [0, 2, 2, 2]


def test_tags_are_part_of_the_content():
    tags = Feature(
        name="tags_index", source="tags", tower="item", size=-1, is_list=True
    )
    tower = ItemTower(
        dimension=8,
        num_items=3,
        features=(tags,),
        sizes={"tags_index": 5},
        id_dropout=0.0,
        dropout=0.0,
    )

    def content(*words):
        items = of([0], [0.0], [0]) | {"tags_index": tf.constant([words])}
        return tower.content(items).numpy()

    one, other = content(1, 2, 0), content(2, 1, 0)
    np.testing.assert_allclose(one, other, atol=1e-7)
    assert np.abs(one - content(1, 0, 0)).max() > 1e-3
    shapes = [w.shape.as_list() for w in tower.content_weights()]
    assert [5, 8] in shapes


def test_ids_are_hidden_in_training_only(item_tower):
    items = of([0] * 200, [1.0] * 200, [1] * 200)
    known, hidden = item_tower(of([0, 0], [1.0, 0.0], [1, 1])).numpy()
    trained = item_tower(items, training=True).numpy()
    shown = np.isclose(trained, known, atol=1e-6).all(1)
    assert np.isclose(trained[~shown], hidden, atol=1e-6).all()
    assert 60 < shown.sum() < 140
    assert np.isclose(item_tower(items).numpy(), known, atol=1e-6).all()
