"""Thresholds worked out by hand."""

import math

import numpy as np
import pytest

from models.understanding.certainty import Certainty


def measure(told, wanted):
    """Takes pairs of a chance and whether the answer is right."""
    chances, right = np.array(told, float).T
    return Certainty.measure(
        chances.astype(np.float32), right.astype(bool), wanted
    )


def test_the_lowest_threshold_that_is_precise_enough():
    told = [(0.9, 1), (0.3, 0), (0.8, 1), (0.7, 0), (0.6, 1), (0.5, 1)]
    found = measure(told, 0.6)
    # At .5 four of five are right, and 4 / 6 with one more wrong; at .3 4 / 7.
    assert found == Certainty(
        asked=6, accuracy=4 / 6, threshold=0.5, answered=5 / 6, precision=0.8
    )
    # At .8 two of two: 2 / 3.
    assert measure(told, 2 / 3).threshold == 0.5
    assert math.isinf(measure(told, 0.67).threshold)


def test_a_few_lucky_answers_are_no_proof():
    eight = measure([(0.9, 1)] * 8, 0.9)
    assert math.isinf(eight.threshold)
    assert (eight.accuracy, eight.answered, eight.precision) == (1, 0, 0)
    nine = measure([(0.9, 1)] * 9, 0.9)
    assert nine.threshold == np.float32(0.9)
    assert (nine.answered, nine.precision) == (1, 1)


def test_equal_chances_are_answered_together():
    told = [(0.9, 1), (0.9, 1), (0.9, 0), (0.9, 0), (0.4, 0)]
    # Two of the four are right; the two right ones alone cannot be had.
    assert math.isinf(measure(told, 0.5).threshold)
    found = measure(told, 0.4)
    assert (found.answered, found.precision) == (0.8, 0.5)


def test_nobody_asked_is_no_threshold():
    found = Certainty.measure(np.zeros(0, np.float32), np.zeros(0, bool), 0.9)
    assert math.isinf(found.threshold)
    assert (found.asked, found.accuracy, found.answered) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_answered_is_as_precise_as_was_wanted(seed):
    rng = np.random.default_rng(seed)
    chances = rng.random(200).round(2).astype(np.float32)
    right = rng.random(200) < chances
    found = Certainty.measure(chances, right, 0.8)
    sure = chances >= found.threshold
    assert found.answered == pytest.approx(sure.mean())
    if sure.any():
        assert found.precision == pytest.approx(right[sure].mean())
        assert found.precision >= 0.8
    for lower in np.unique(chances[~sure]):
        more = chances >= lower
        assert right[more].sum() / (more.sum() + 1) < 0.8


def test_guesses_are_left_out_however_precise_the_rest_is():
    told = [(0.9, 1)] * 12 + [(0.4, 0)]
    chances, right = np.array(told, float).T
    args = chances.astype(np.float32), right.astype(bool), 0.8
    # 12 of 13, and one more wrong: 12 / 14.
    assert Certainty.measure(*args).threshold == np.float32(0.4)
    found = Certainty.measure(*args, least=0.5)
    assert found.threshold == np.float32(0.9)
    assert (found.answered, found.precision) == (12 / 13, 1)
