"""The baseline that knows texts only, by hand."""

import numpy as np

from benchmarks.content_knn import ContentKnn, centred, unit
from models.cooccurrence.sequences import ItemSequences

TEXTS = unit(np.array([[1, 0], [1, 1], [0, 1], [0, 0]], np.float32))


def test_cosine_to_the_mean_of_the_history():
    knn = ContentKnn(texts=TEXTS)
    scores = knn.scores(ItemSequences.from_lists([[0, 2], [0], []]))
    np.testing.assert_allclose(
        scores,
        [[0.5**0.5, 1, 0.5**0.5, 0], [1, 0.5**0.5, 0, 0], [0] * 4],
        atol=1e-6,
    )


def test_later_steps_count_more():
    knn = ContentKnn(texts=TEXTS, half_life_steps=1.0)
    [row] = knn.profiles(ItemSequences.from_lists([[0, 2]]))
    np.testing.assert_allclose(row, np.array([0.5, 1]) / 1.25**0.5, rtol=1e-6)


def test_centring_leaves_out_items_without_text():
    found = centred(np.array([[3, 1], [1, 1], [0, 0]], np.float32))
    np.testing.assert_allclose(found, [[1, 0], [-1, 0], [0, 0]], atol=1e-6)
