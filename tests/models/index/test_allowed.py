"""What comes through: by a mask, by a list, by both."""

import numpy as np
import pytest
import tensorflow as tf

from models.index.allowed import LOWEST, Allowed, is_in, listed

NUM_ROWS = 30


def drawn(seed, filtered):
    """Returns what is allowed, and the same as a mask [4, NUM_ROWS]."""
    rng = np.random.default_rng(seed)
    # With rows twice, none, and such as there are not.
    left_out = rng.integers(-1, NUM_ROWS + 2, size=[4, 6])
    fits = rng.random([4, NUM_ROWS]) < (0.6 if filtered else 2.0)
    mask = fits.copy()
    for row, out in enumerate(left_out):
        mask[row, [n for n in out if 0 <= n < NUM_ROWS]] = False
    allowed = Allowed(
        tf.constant(fits if filtered else fits[:, :0]),
        tf.constant(left_out, tf.int32),
    )
    return allowed, mask


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_all_ways_of_asking_agree(seed, traced, filtered):
    allowed, mask = drawn(seed, filtered)
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=[4, NUM_ROWS]).astype(np.float32)
    rows = rng.integers(NUM_ROWS, size=[4, 50]).astype(np.int32)

    def ask(fits, left_out):
        asked = Allowed(fits, left_out)
        return (
            asked.mask(NUM_ROWS),
            asked.keep(tf.constant(scores)),
            asked.of(tf.constant(rows)),
            asked.count_left_out(NUM_ROWS),
            asked.take(tf.constant([2, 0])).mask(NUM_ROWS),
        )

    if traced:
        # As a servable has it: of no known width.
        ask = tf.function(
            ask,
            input_signature=[
                tf.TensorSpec([None, None], tf.bool),
                tf.TensorSpec([None, None], tf.int32),
            ],
        )
    found, kept, of, count, taken = (value.numpy() for value in ask(*allowed))
    np.testing.assert_array_equal(found, mask)
    np.testing.assert_array_equal(kept, np.where(mask, scores, LOWEST))
    np.testing.assert_array_equal(of, np.take_along_axis(mask, rows, 1))
    np.testing.assert_array_equal(taken, mask[[2, 0]])
    assert (count >= NUM_ROWS - mask.sum(1)).all()
    assert (count <= NUM_ROWS - mask.sum(1) + 6).all()


def test_everything_and_all_but_some():
    everything = Allowed.everything(2)
    assert everything.mask(3).numpy().all()
    some = everything.but(tf.constant([[1, -1], [0, 2]]))
    np.testing.assert_array_equal(
        some.mask(3), [[True, False, True], [False, True, False]]
    )
    fitting = Allowed.fitting(tf.constant([[True, False, True]]))
    np.testing.assert_array_equal(
        fitting.but(tf.constant([[0]])).mask(3), [[False, False, True]]
    )


def test_rows_that_there_are_not_are_in_no_list():
    marked = listed(tf.constant([[-1, 1, 9, 1]]), 3)
    np.testing.assert_array_equal(marked, [[False, True, False]])
    nothing = tf.zeros([1, 0], tf.int32)
    assert not is_in(tf.constant([[0, 5]]), nothing).numpy().any()
