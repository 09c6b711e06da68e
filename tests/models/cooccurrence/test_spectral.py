"""Where item ids begin."""

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.cooccurrence.spectral import item_factors
from models.features import ITEM_FEATURES, tower_features
from models.towers import ItemTower


def groups(users=60, items=10):
    """Two kinds of people and of items, with 1 item that nobody chose."""
    rng = np.random.default_rng(3)
    chosen = np.zeros([users, items])
    for user in range(users):
        half = np.arange(items // 2) + (user % 2) * (items // 2)
        chosen[user, rng.choice(half, 3, replace=False)] = 1
    chosen[:, -1] = 0
    return sp.csr_array(chosen)


def test_items_of_one_group_begin_together():
    factors = item_factors(groups(), 2, seed=1)
    near = factors @ factors.T
    assert near[:5, :5].min() > 0.9
    assert abs(near[:5, 5:9]).max() < 0.1


def test_an_item_that_nobody_chose_has_no_place():
    factors = item_factors(groups(), 2, seed=1)
    assert not factors[-1].any()
    np.testing.assert_allclose(np.linalg.norm(factors[:-1], axis=1), 1, 1e-5)


def test_a_seed_gives_the_same_factors():
    first, second = (item_factors(groups(), 4, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_small_catalogue_has_fewer_factors():
    assert item_factors(groups(items=6), 64, seed=1).shape == (6, 5)
    assert item_factors(sp.csr_array((5, 3)), 8, seed=1).shape == (3, 0)


def test_ids_begin_at_the_factors_where_there_are_some():
    tower = ItemTower(
        dimension=8,
        num_items=3,
        features=tower_features(ITEM_FEATURES, "item")[:0],
        sizes={},
        id_dropout=0.0,
        dropout=0.0,
    )
    rows = tf.range(-1, 3)
    tower({"rows": rows, "trained": tf.ones(4), "text": tf.zeros([4, 2])})
    before = tower.ids.embeddings.numpy()
    factors = np.array([[1, 0], [0, 0], [0.6, 0.8]], np.float32)
    tower.start_ids(factors)
    after = tower.ids.embeddings.numpy()
    np.testing.assert_array_equal(after[:, 2:], before[:, 2:])
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    np.testing.assert_allclose(after[[1, 3], :2], 0.3 * factors[[0, 2]])


def test_one_seed_gives_the_same_where_values_are_equal():
    """Then ARPACK starts anew from vectors that it draws."""
    groups = sp.csr_array(np.kron(np.eye(3), np.ones((13, 8))))
    first = item_factors(groups, 16, seed=1)
    for _ in range(3):
        np.testing.assert_array_equal(item_factors(groups, 16, seed=1), first)
    assert (item_factors(groups, 16, seed=2) != first).any()
