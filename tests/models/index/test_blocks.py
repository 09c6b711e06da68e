"""Blocks of neighbours: how they are cut, and what a search in them finds."""

import numpy as np
import pytest
import tensorflow as tf

from models.index.allowed import Allowed
from models.index.blocks import Blocks, make, split
from models.index.blocks_graph import BlocksIndex
from models.index.exact import ExactIndex
from models.index.settings import IndexSettings
from schema.errors import DataError

NUM_ROWS, DIMENSION, GROUPS = 6000, 16, 60
SETTINGS = IndexSettings(block_size=16, k=20, max_reordering=20)


def clustered(rng, count, spread=0.6):
    centres = np.random.default_rng(3).normal(size=(GROUPS, DIMENSION))
    group = rng.integers(GROUPS, size=count)
    vectors = centres[group] + spread * rng.normal(size=(count, DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), group


@pytest.fixture(scope="module")
def shop():
    rng = np.random.default_rng(1)
    vectors, group = clustered(rng, NUM_ROWS)
    queries, _ = clustered(rng, 200)
    blocks = make(vectors, group, queries[:100], SETTINGS)
    eligible = rng.random(NUM_ROWS) < 0.95
    items = ExactIndex(vectors, eligible)
    return items, BlocksIndex(items, blocks), blocks, queries[100:], group


def test_each_row_is_in_one_block():
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(1000, 8)).astype(np.float32)
    leaves = rng.integers(7, size=1000)
    rows = split(vectors, leaves, 64)
    assert sorted(rows[rows >= 0]) == list(range(1000))
    for block in rows:
        # And no block is of two partitions.
        assert len(set(leaves[block[block >= 0]])) == 1
    # No more blocks than there must be.
    assert len(rows) == sum(-(-np.bincount(leaves) // 64))


@pytest.mark.parametrize("same", [1, 5, 100])
def test_rows_that_are_alike_are_cut_too(same):
    rows = split(np.ones((same, 4), np.float32), np.zeros(same, int), 8)
    assert sorted(rows[rows >= 0]) == list(range(same))


def recall(found, expected):
    shared = [
        len(set(a[a >= 0]) & set(b[b >= 0])) / max(1, (b >= 0).sum())
        for a, b in zip(found.numpy(), expected.numpy(), strict=True)
    ]
    return np.mean(shared)


def test_the_recall_asked_for_is_reached_on_other_queries(shop):
    items, index, blocks, queries, _ = shop
    assert blocks.recall >= SETTINGS.recall_target
    assert blocks.searched < len(blocks.rows) / 4
    everything = Allowed.everything(100)
    found, scores = index.search(queries, 20, everything)
    expected, best = items.search(tf.constant(queries), 20, everything)
    assert recall(found, expected) > 0.93
    assert (scores.numpy() <= best.numpy() + 1e-5).all()


def test_the_tail_is_searched_for_as_long_as_it_takes():
    """Its rows lie between the groups, where the means of blocks say less."""
    rng = np.random.default_rng(3)
    vectors, group = clustered(rng, 4000)
    tail = rng.random(4000) < 0.1
    between = rng.normal(size=(tail.sum(), DIMENSION))
    vectors[tail] = between / np.linalg.norm(between, axis=1, keepdims=True)
    queries, _ = clustered(rng, 100)
    whole = make(vectors, group, queries, SETTINGS)
    both = make(vectors, group, queries, SETTINGS, tail)
    nearest = np.argsort(-queries @ vectors.T, axis=1)[:, : SETTINGS.k]
    everything = Allowed.everything(100)

    def of_tail(blocks):
        index = BlocksIndex(ExactIndex(vectors), blocks)
        rows, _ = index.search(queries, SETTINGS.k, everything)
        pairs = zip(rows.numpy(), nearest, strict=True)
        found = sum(tail[np.intersect1d(a, b)].sum() for a, b in pairs)
        return found / tail[nearest].sum()

    assert of_tail(whole) < SETTINGS.recall_target
    assert of_tail(both) >= SETTINGS.recall_target
    assert both.tail_recall == pytest.approx(of_tail(both), abs=0.01)
    assert both.searched > whole.searched
    assert both.recall >= whole.recall


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("by_group", [False, True])
def test_a_filter_costs_no_recall_and_fills_all_slots(shop, share, by_group):
    """Drawn at random, or by category, far from where a query looks."""
    items, index, _, queries, group = shop
    rng = np.random.default_rng(4)
    if by_group:
        chosen = rng.permutation(GROUPS)[: max(1, int(share * GROUPS))]
        allowed = np.tile(np.isin(group, chosen), (100, 1))
    else:
        allowed = rng.random((100, NUM_ROWS)) < share
    fitting = Allowed.fitting(tf.constant(allowed))
    found, _ = index.search(queries, 20, fitting)
    expected, _ = items.search(tf.constant(queries), 20, fitting)
    assert recall(found, expected) >= 0.93
    np.testing.assert_array_equal(found >= 0, expected >= 0)
    rows = found.numpy()
    there = rows >= 0
    assert allowed[np.nonzero(there)[0], rows[there]].all()
    assert items.eligible.numpy()[rows[there]].all()


def test_more_than_there_is_leaves_slots_empty(shop):
    _, index, _, queries, _ = shop
    everything = Allowed.everything(2)
    rows, _ = index.search(queries[:2], NUM_ROWS + 5, everything)
    assert (rows.numpy()[:, -5:] == -1).all()


def test_a_batch_answers_as_each_alone(shop):
    """Whatever the others of the batch ask for."""
    _, index, _, queries, _ = shop
    rng = np.random.default_rng(5)
    fits = np.ones((8, NUM_ROWS), bool)
    # By blocks, by more of them, and by all rows.
    for n, share in ((1, 0.5), (4, 0.1), (5, 0.0005)):
        fits[n] = rng.random(NUM_ROWS) < share
    left_out = np.full((8, 900), -1, np.int32)
    left_out[2, :40] = rng.permutation(NUM_ROWS)[:40]
    left_out[6] = rng.permutation(NUM_ROWS)[:900]
    together, _ = tf.function(index.search)(
        queries[:8], 20, Allowed(tf.constant(fits), tf.constant(left_out))
    )
    for n in range(8):
        one = slice(n, n + 1)
        fits_alone = fits[one] if n in (1, 4, 5) else fits[one, :0]
        alone, _ = index.search(
            queries[one],
            20,
            Allowed(tf.constant(fits_alone), tf.constant(left_out[one])),
        )
        np.testing.assert_array_equal(alone[0], together[n])
    assert not set(together[6].numpy()) & set(left_out[6])


def test_new_rows_are_found_at_once(shop):
    items, _, blocks, queries, _ = shop
    vectors = items.vectors.numpy()
    more = np.concatenate([vectors, queries[:50]])
    grown = blocks.of(more)
    assert sorted(grown.rows[grown.rows >= 0]) == list(range(len(more)))
    index = BlocksIndex(ExactIndex(more), grown)
    everything = Allowed.everything(50)
    rows, _ = index.search(queries[:50], 3, everything)
    # Each is its own nearest.
    assert (rows.numpy()[:, 0] == NUM_ROWS + np.arange(50)).mean() > 0.93


def test_a_saved_model_finds_the_same(shop, tmp_path):
    _, index, _, queries, _ = shop
    search = tf.function(
        lambda query, fits: index.search(query, 20, Allowed.fitting(fits))[0],
        input_signature=[
            tf.TensorSpec([None, DIMENSION], tf.float32),
            tf.TensorSpec([None, None], tf.bool),
        ],
    )
    tf.saved_model.save(index, str(tmp_path), signatures=search)
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    fits = tf.random.stateless_uniform([9, NUM_ROWS], [1, 2]) < 0.3
    found = loaded(query=tf.constant(queries[:9]), fits=fits)
    expected, _ = index.search(queries[:9], 20, Allowed.fitting(fits))
    np.testing.assert_array_equal(found["output_0"], expected)


def test_saves_and_loads(shop, tmp_path):
    blocks = shop[2]
    blocks.save(tmp_path)
    loaded = Blocks.load(tmp_path)
    np.testing.assert_array_equal(loaded.rows, blocks.rows)
    np.testing.assert_array_equal(loaded.means, blocks.means)
    assert (loaded.searched, loaded.recall) == (blocks.searched, blocks.recall)
    with pytest.raises(DataError, match=r"holds no blocks: blocks.npz"):
        Blocks.load(tmp_path / "other")


def test_vectors_that_are_no_numbers_are_refused():
    bad = np.full((4, 2), np.nan, np.float32)
    with pytest.raises(DataError, match="item vectors: row 0 is not finite"):
        make(bad, np.zeros(4, int), np.ones((1, 2), np.float32), SETTINGS)
