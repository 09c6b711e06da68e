"""Tallies by hand, and the same of steps and of requests."""

import numpy as np
import tensorflow as tf

from applications.intent import tallies
from applications.intent.steps import KINDS, asked_at
from tests.applications.intent.small import DAY, HOUR, walked

ROWS = [
    ("u1", "a1", "click", 9 * DAY - 300),
    ("u1", "a1", "buy", 2 * DAY),
    ("u1", "b1", "click", 9 * DAY - 2 * HOUR),
    ("u2", "a2", "click", 9 * DAY - 60),
    ("u2", "a2", "click", 9 * DAY - 60),
]


def counted(row):
    """Turns logarithms back: counts [kinds, spans + 1], seconds [kinds]."""
    kinds = len(KINDS) - 1
    counts = np.expm1(row[:-kinds] * 3).reshape(kinds, -1)
    return counts, np.expm1(row[-kinds:] * 15)


def test_all_that_a_user_did_counts_however_long_ago():
    found = asked_at(walked(*ROWS), 9 * DAY)
    tallied = tallies.of_steps(found)
    assert tallied.shape == (len(found.user), tallies.WIDTH)
    # The question at the end of each user's steps.
    asked = np.flatnonzero(np.diff(found.user, append=2))
    (one, gone), (other, _) = map(counted, tallied[asked])
    click, buy = KINDS.index("click"), KINDS.index("buy")
    np.testing.assert_allclose(one[click], [1, 1, 2, 2, 2], atol=1e-4)
    # Seven days are as far back as spans reach.
    np.testing.assert_allclose(one[buy], [0, 0, 0, 1, 1], atol=1e-4)
    np.testing.assert_allclose(other[click], [2] * 5, atol=1e-4)
    assert not other[buy].any()
    np.testing.assert_allclose(gone[click], 300, rtol=1e-3)
    np.testing.assert_allclose(gone[buy], 7 * DAY, rtol=1e-3)
    # Before the first step of all nothing was done but it.
    first, _ = counted(tallied[0])
    assert first.sum(axis=0)[-1].round() == 1


def test_requests_are_tallied_as_steps_are():
    found = asked_at(walked(*ROWS), 9 * DAY)
    asked = np.flatnonzero(np.diff(found.user, append=2))
    kinds = np.zeros((2, 4), np.int64)
    times = np.zeros((2, 4), np.int64)
    for user in range(2):
        own = (found.user == user) & (found.kind < len(KINDS))
        kinds[user, : own.sum()] = found.kind[own]
        times[user, : own.sum()] = found.time[own]
    answer = tallies.of_requests(
        tf.constant(kinds),
        tf.constant(times),
        tf.constant([9 * DAY] * 2, tf.int64),
    )
    np.testing.assert_allclose(
        answer, tallies.of_steps(found)[asked], atol=1e-6
    )
