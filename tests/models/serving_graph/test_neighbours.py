"""What is found by vector and the neighbours of a history, together."""

import numpy as np
import pytest
import tensorflow as tf

from models.index.allowed import LOWEST, Allowed
from models.index.exact import ExactIndex
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
    added = 3 * rng.random(rows.shape) * (rows >= 0)
    exclude = rng.integers(-1, NUM_ITEMS, [batch, excluded])
    retrieved = {
        "query": tf.constant(query),
        "neighbours": tf.constant(rows, tf.int32),
        "added": tf.constant(added, tf.float32),
        "unseen_offset": tf.constant(rng.random(batch), tf.float32),
    }
    allowed = Allowed.everything(batch).but(tf.constant(exclude, tf.int32))
    return index, retrieved, allowed, tf.constant(rng.random(NUM_ITEMS) < 0.1)


def joined(index, retrieved, allowed, unseen, *, k, pool):
    rows, scores = index.search(retrieved["query"], pool, allowed)
    found = join_neighbours(
        (rows, scores),
        retrieved,
        items=index,
        unseen=unseen,
        allowed=allowed,
    )
    return found[0][:, :k], found[1][:, :k]


@pytest.mark.parametrize("seed", range(20))
def test_none_of_the_best_is_missing(seed):
    index, retrieved, allowed, unseen = drawn(seed)
    k = 3 + seed
    parts = {name: value.numpy() for name, value in retrieved.items()}
    expected = parts["query"] @ index.vectors.numpy().T
    for query, rows in enumerate(parts["neighbours"]):
        known = rows >= 0
        expected[query, rows[known]] += parts["added"][query, known]
    expected[:, unseen.numpy()] += parts["unseen_offset"][:, np.newaxis]
    expected[~(allowed.mask(NUM_ITEMS) & index.eligible).numpy()] = LOWEST
    order = np.argsort(-expected, 1, kind="stable")[:, :k]
    best = np.take_along_axis(expected, order, 1)

    # The few unseen items are in a pool that is a little larger.
    rows, scores = joined(index, retrieved, allowed, unseen, k=k, pool=k + 15)
    np.testing.assert_allclose(scores, best, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(rows, np.where(best > LOWEST, order, -1))


@pytest.mark.parametrize(("near", "excluded"), [(0, 3), (5, 0), (0, 0)])
def test_no_neighbours_and_nothing_excluded(near, excluded):
    index, retrieved, allowed, _ = drawn(1, near=near, excluded=excluded)
    retrieved["added"] *= 0
    everything = tf.ones([NUM_ITEMS], tf.bool)
    by_vector = index.search(retrieved["query"], 4, allowed)
    found, _ = joined(index, retrieved, allowed, everything, k=4, pool=4)
    np.testing.assert_array_equal(found, by_vector[0])
