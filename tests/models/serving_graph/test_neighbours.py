"""What is found by vector and the neighbours of a history, together."""

import numpy as np
import pytest
import tensorflow as tf

from models.index.exact import LOWEST, ExactIndex, all_but
from models.serving_graph.neighbours import join_neighbours

NUM_ITEMS, DIMENSION = 60, 4


def drawn(seed, batch=5, near=12, excluded=7):
    rng = np.random.default_rng(seed)
    index = ExactIndex(
        rng.normal(size=[NUM_ITEMS, DIMENSION]).astype(np.float32),
        rng.random(NUM_ITEMS) < 0.7,
    )
    query = rng.normal(size=[batch, DIMENSION]).astype(np.float32)
    rows = np.stack([rng.permutation(NUM_ITEMS)[:near] for _ in query])
    rows[rng.random(rows.shape) < 0.2] = -1
    added = (3 * rng.random(rows.shape) * (rows >= 0)).astype(np.float32)
    exclude = rng.integers(-1, NUM_ITEMS, [batch, excluded])
    return index, query, rows.astype(np.int32), added, exclude.astype(np.int32)


@pytest.mark.parametrize("seed", range(20))
def test_none_of_the_best_by_both_is_missing(seed):
    index, query, near, added, exclude = drawn(seed)
    k = 3 + seed
    expected = query @ index.vectors.numpy().T
    for one, rows, values in zip(expected, near, added, strict=True):
        np.add.at(one, rows[rows >= 0], values[rows >= 0])
    expected[:, ~index.eligible.numpy()] = LOWEST
    for one, rows in zip(expected, exclude, strict=True):
        one[rows[rows >= 0]] = LOWEST
    order = np.argsort(-expected, 1, kind="stable")[:, :k]
    best = np.take_along_axis(expected, order, 1)

    rows, scores = join_neighbours(
        index.search(
            tf.constant(query), k, all_but(tf.constant(exclude), NUM_ITEMS)
        ),
        (tf.constant(near), tf.constant(added)),
        items=index,
        query=tf.constant(query),
        allowed=all_but(tf.constant(exclude), NUM_ITEMS),
    )
    np.testing.assert_allclose(scores, best, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows, np.where(best > LOWEST, order, -1))


@pytest.mark.parametrize(("near", "excluded"), [(0, 3), (5, 0), (0, 0)])
def test_no_neighbours_and_nothing_excluded(near, excluded):
    index, query, rows, added, exclude = drawn(1, near=near, excluded=excluded)
    by_vector = index.search(
        tf.constant(query), 4, all_but(tf.constant(exclude), NUM_ITEMS)
    )
    found, _ = join_neighbours(
        by_vector,
        (tf.constant(rows), tf.zeros_like(added)),
        items=index,
        query=tf.constant(query),
        allowed=all_but(tf.constant(exclude), NUM_ITEMS),
    )
    np.testing.assert_array_equal(found, by_vector[0])
