import numpy as np
import pytest
import tensorflow as tf

from models.index.allowed import LOWEST, Allowed
from models.index.exact import ExactIndex

VECTORS = np.array([[1, 0], [0, 1], [2, 0], [0, 3]], np.float32)
ALL = Allowed.everything(2)
QUERY = tf.constant([[1.0, 0.5], [0.0, 1.0]])


def test_best_rows_first_with_their_scores():
    rows, scores = ExactIndex(VECTORS).search(QUERY, 3, ALL)
    # Query 0 scores 1, .5, 2, 1.5; query 1 scores 0, 1, 0, 3.
    np.testing.assert_array_equal(rows, [[2, 3, 0], [3, 1, 0]])
    np.testing.assert_allclose(scores, [[2, 1.5, 1], [3, 1, 0]])


def test_slots_that_cannot_be_filled_are_marked():
    allowed = ALL.but(tf.constant([[2, -1], [3, 3]]))
    rows, scores = ExactIndex(VECTORS).search(QUERY, 6, allowed)
    np.testing.assert_array_equal(
        rows, [[3, 0, 1, -1, -1, -1], [1, 0, 2, -1, -1, -1]]
    )
    assert (scores.numpy()[:, 3:] == LOWEST).all()


def test_ineligible_rows_never_come_through():
    index = ExactIndex(VECTORS, np.array([True, True, False, True]))
    rows, _ = index.search(QUERY, 4, ALL)
    assert 2 not in rows.numpy()


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_chunks_answer_as_the_whole(batch):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 4)).astype(np.float32)
    query = tf.constant(rng.normal(size=(batch, 4)), tf.float32)
    exclude = tf.constant(rng.integers(-1, 50, size=(batch, 5)), tf.int32)
    allowed = Allowed.everything(batch).but(exclude)
    whole = ExactIndex(vectors).search(query, 10, allowed)
    chunked = ExactIndex(vectors, max_scores_at_once=100)
    rows, scores = tf.function(chunked.search)(query, 10, allowed)
    np.testing.assert_array_equal(rows, whole[0])
    np.testing.assert_allclose(scores, whole[1], rtol=1e-6)
    for got, left_out in zip(rows.numpy(), exclude.numpy(), strict=True):
        assert not set(got) & set(left_out)


def test_halves_score_like_floats():
    index = ExactIndex(VECTORS.astype(np.float16))
    np.testing.assert_allclose(
        index.score_rows(QUERY, tf.constant([[0, 1], [3, 3]])),
        [[1, 0.5], [3, 3]],
    )


def test_survives_saving_with_static_ranks(tmp_path):
    index = ExactIndex(VECTORS)
    search = tf.function(
        lambda query, fits: dict(
            zip(
                ("rows", "scores"),
                index.search(query, 3, Allowed.fitting(fits)),
                strict=True,
            )
        ),
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, "query"),
            tf.TensorSpec([None, None], tf.bool, "fits"),
        ],
    )
    tf.saved_model.save(index, str(tmp_path), signatures={"search": search})
    loaded = tf.saved_model.load(str(tmp_path)).signatures["search"]
    assert loaded.structured_outputs["rows"].shape.rank == 2
    # Of whatever rank, as many columns as rows or none.
    for fits in (tf.ones([2, 4], tf.bool), ALL.fits):
        answer = loaded(query=QUERY, fits=fits)
        np.testing.assert_array_equal(answer["rows"], [[2, 3, 0], [3, 1, 0]])
