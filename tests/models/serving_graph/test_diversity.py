"""Pages by maximal marginal relevance, with caps."""

import numpy as np
import pytest
import tensorflow as tf

from models.index.allowed import LOWEST
from models.index.exact import best_rows
from models.serving_graph import diversity

NUM_CANDIDATES = 40
DIMENSION = 6


def drawn(seed, batch=3):
    """Draws candidates, some of them empty, of few categories and shops."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=[batch, NUM_CANDIDATES]).astype(np.float32)
    scores[rng.random(scores.shape) < 0.2] = LOWEST
    vectors = rng.normal(size=[batch, NUM_CANDIDATES, DIMENSION])
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    kinds = {
        "category": rng.integers(0, 5, scores.shape),
        "brand": rng.integers(0, 9, scores.shape),
        "shop": rng.integers(0, 4, scores.shape),
    }
    return scores, vectors.astype(np.float32), kinds


def choose(scores, vectors, kinds, k, share=0.0, **caps):
    batch = len(scores)
    inputs = {
        "diversity": tf.broadcast_to(tf.constant(share, tf.float32), [batch])
    }
    for name in diversity.CAPS.values():
        cap = tf.constant(caps.get(name, 0), tf.int32)
        inputs[name] = tf.broadcast_to(cap, [batch])
    columns = tf.function(diversity.choose)(
        inputs,
        tf.constant(scores),
        tf.constant(vectors),
        {name: tf.constant(kind, tf.int64) for name, kind in kinds.items()},
        tf.constant(k),
    )
    return columns.numpy()


def expected(scores, vectors, k, share):
    """Does the same for one request, as the paper says it."""
    there = np.flatnonzero(scores > LOWEST)
    low, high = scores[there].min(), scores[there].max()
    relevance = (scores - low) / (high - low)
    page = []
    for _ in range(min(k, len(there))):
        left = [column for column in there if column not in page]
        worth = [
            (1 - share) * relevance[column]
            - share
            * max((vectors[column] @ vectors[on] for on in page), default=0)
            for column in left
        ]
        page.append(left[int(np.argmax(worth))])
    return page + [-1] * (k - len(page))


@pytest.mark.parametrize("seed", range(5))
def test_each_slot_goes_to_what_adds_most(seed):
    scores, vectors, kinds = drawn(seed)
    # Opposites would count as a gain; the page begins at no likeness.
    vectors = np.abs(vectors)
    share = np.array([0.1, 0.5, 0.9])
    columns = choose(scores, vectors, kinds, 12, share)
    for row in range(3):
        assert columns[row].tolist() == expected(
            scores[row], vectors[row], 12, share[row]
        )


@pytest.mark.parametrize("k", [1, 10, NUM_CANDIDATES + 5])
def test_who_asks_for_nothing_gets_the_order_of_the_scores(k):
    scores, vectors, kinds = drawn(7)
    # Two that hardly differ, the second one better.
    scores[0, :2] = 3.0, np.nextafter(np.float32(3.0), np.float32(4.0))
    found = choose(scores, vectors, kinds, k, [0.0, 0.4, 0.0])
    by_score = best_rows(tf.constant(scores), None, k)[0].numpy()
    np.testing.assert_array_equal(found[[0, 2]], by_score[[0, 2]])
    assert k == 1 or found[1].tolist() != by_score[1].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_caps_hold_and_leave_no_slot_that_could_be_filled(seed):
    scores, vectors, kinds = drawn(seed)
    caps = {"max_per_category": 3, "max_per_shop": [2, 4, 0]}
    columns = choose(scores, vectors, kinds, 30, [0.0, 0.3, 0.0], **caps)
    for row, slots in enumerate(columns):
        page = slots[slots >= 0]
        assert len(set(page)) == len(page) > 0
        counts = {
            name: np.bincount(kinds[name][row][page], minlength=9)
            for name in ("category", "shop")
        }
        limits = {"category": 3, "shop": (2, 4, 99)[row]}
        for name, limit in limits.items():
            # Kind 0 is unknown, and not counted.
            assert counts[name][1:].max() <= limit
        for column in set(np.flatnonzero(scores[row] > LOWEST)) - set(page):
            full = [
                kind > 0 and counts[name][kind] == limits[name]
                for name in limits
                for kind in [kinds[name][row][column]]
            ]
            assert any(full), "there was room for this one"


def test_more_diversity_makes_a_page_less_alike():
    scores, vectors, kinds = drawn(3, batch=30)

    def likeness(share):
        columns = choose(scores, vectors, kinds, 8, share)
        page = np.take_along_axis(vectors, columns[:, :, None], 1)
        return np.einsum("bid,bjd->bij", page, page).mean()

    found = [likeness(share) for share in (0.0, 0.2, 0.5, 0.9)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] + 0.05
