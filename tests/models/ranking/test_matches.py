"""What candidates have in common with a history and a search, by hand."""

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.ranking import matches
from schema.contract import EVENT_TYPES

HOUR, DAY = 3600, 86_400


def test_words_that_a_candidate_shares_with_steps_are_counted():
    steps = tf.constant([[[1, 2], [2, 0], [2, 3]], [[5, 0], [0, 0], [5, 6]]])
    candidates = tf.constant(
        [[[2, 1], [3, 0], [0, 0], [4, 2]], [[5, 6], [6, 0], [1, 2], [0, 0]]]
    )
    here = tf.constant([[True, True, False], [True, True, True]])
    found = matches.shared_words(candidates, steps, here).numpy().tolist()
    assert found == [[3, 0, 0, 2], [3, 1, 0, 0]]
    compiled = tf.function(matches.shared_words, jit_compile=True)
    assert compiled(candidates, steps, here).numpy().tolist() == found
    empty = matches.shared_words(candidates, steps[:, :0], here[:, :0])
    assert empty.numpy().tolist() == [[0] * 4] * 2
    assert matches.shared_words(candidates[:, :0], steps, here).shape == (2, 0)


def test_unknown_values_and_padding_equal_nothing():
    candidates = tf.constant([[1, 0]])
    steps = tf.constant([[1, 0, 1]])
    here = tf.constant([[True, True, False]])
    found = matches.equal(candidates, steps, here)
    assert found.numpy().tolist() == [[[1, 0, 0], [0, 0, 0]]]
    rows = matches.equal(candidates, steps, here, unknown=-1)
    assert rows.numpy().tolist() == [[[1, 0, 0], [0, 1, 0]]]


def test_a_price_is_held_against_the_mean_of_known_prices():
    steps = {
        "log_price": tf.constant([[1.0, 3.0, 9.0, 9.0], [5.0] * 4]),
        "price_bucket": tf.constant([[1, 2, 0, 1], [0] * 4]),
    }
    here = tf.constant([[True, True, True, False], [True] * 4])
    candidates = {
        "log_price": tf.constant([[2.5, 7.0], [2.5, 7.0]]),
        "price_bucket": tf.constant([[1, 0], [1, 0]]),
    }
    gap = matches.price_gap(candidates, steps, here)
    assert gap.numpy().tolist() == [[0.5, 0.0], [0.0, 0.0]]


def test_texts_are_near_to_the_search_the_history_and_its_nearest_step():
    candidates = tf.constant([[[1.0, 0.0], [0.0, 0.0]]])
    steps = tf.constant([[[0.6, 0.8], [0.6, -0.8], [0.0, 1.0], [0.0, 0.0]]])
    search = tf.constant([[0.8, 0.6]])
    found = matches.text_nearness(candidates, steps, search).numpy()
    whole = 1.2 / np.hypot(1.2, 1.0)
    np.testing.assert_allclose(found[0, 0], [0.8, whole, 0.6], rtol=1e-6)
    np.testing.assert_array_equal(found[0, 1], [0, 0, 0])
    empty = matches.text_nearness(candidates, steps[:, :0], search).numpy()
    np.testing.assert_allclose(empty[0, 0], [0.8, 0, 0], rtol=1e-6)
    nothing = matches.text_nearness(
        candidates[..., :0], steps[..., :0], search[..., :0]
    )
    assert not nothing.numpy().any()


def _inputs(length):
    now = 400 * DAY
    return {
        "types": tf.constant([[1, 3, 3]]),
        "times": tf.constant([[now - DAY, now - HOUR, 0]], tf.int64),
        "length": tf.constant([length]),
        "timestamp": tf.constant([now], tf.int64),
        "history_features": {
            "rows": tf.constant([[4, 4, 5]]),
            "brand": tf.constant([[1, 2, 1]]),
            "tags": tf.constant([[[1, 2], [1, 0], [3, 0]]]),
            "log_price": tf.constant([[1.0, 2.0, 3.0]]),
            "price_bucket": tf.constant([[1, 2, 3]]),
        },
        "candidate_features": {
            "rows": tf.constant([[4, 5]]),
            "brand": tf.constant([[1, 2]]),
            "tags": tf.constant([[[1, 3], [0, 0]]]),
            "log_price": tf.constant([[1.0, 2.5]]),
            "price_bucket": tf.constant([[1, 2]]),
        },
        "text_nearness": tf.constant([[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]]),
    }


def test_all_numbers_of_a_candidate():
    found = matches.plain(_inputs(2), ("brand", "tags"), ("tags",)).numpy()
    types = np.zeros(len(EVENT_TYPES) + 1)
    types[[1, 3]] = np.log(2)
    hour, day = (1 - np.log1p(seconds) / 18 for seconds in (HOUR, DAY))
    one = [*types, np.log(2), np.log(3), hour, day, -0.5, 0.5, 1.0]
    np.testing.assert_allclose(found[0, 0], [*one, 0.1, 0.2, 0.3], rtol=1e-4)
    # The step on the second candidate is beyond the history's length.
    none = np.zeros(len(EVENT_TYPES) + 1)
    other = [*none, np.log(2), 0, 0, hour, 1.0, 1.0, 2.5]
    np.testing.assert_allclose(found[0, 1], [*other, 0.4, 0.5, 0.6], rtol=1e-4)


def test_no_history_matches_nothing():
    found = matches.plain(_inputs(0), ("brand", "tags"), ("tags",)).numpy()
    assert not found[0, :, :-4].any()
