import numpy as np
import pytest

from models.metrics.intervals import (
    bootstrap_means,
    interval,
    paired_difference,
)


def test_the_standard_error_is_that_of_the_mean():
    values = np.random.default_rng(1).normal(3.0, 2.0, 4000)
    means = bootstrap_means(values, np.arange(4000), samples=2000)
    assert means.mean() == pytest.approx(3.0, abs=0.1)
    assert means.std() == pytest.approx(2.0 / np.sqrt(4000), rel=0.1)


def test_users_are_drawn_with_all_their_queries():
    # Ten queries of each of 100 users agree: the error is that of 100 draws.
    of_user = np.random.default_rng(2).normal(0.0, 1.0, 100)
    users = np.repeat(np.arange(100), 10)
    means = bootstrap_means(of_user[users], users, samples=2000)
    assert means.std() == pytest.approx(of_user.std() / 10, rel=0.1)


def test_an_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    held = 0
    for trial in range(200):
        values = rng.binomial(1, 0.3, 200).astype(float)
        means = bootstrap_means(values, np.arange(200), samples=300, seed=trial)
        low, high = interval(means, 0.9)
        held += low <= 0.3 <= high
    assert 165 <= held <= 195


def test_methods_on_one_seed_see_the_same_draws():
    values = np.random.default_rng(4).random(50)
    users = np.arange(50)
    better = bootstrap_means(values + 0.01, users)
    worse = bootstrap_means(values, users)
    assert better - worse == pytest.approx(0.01)


def test_no_query_has_no_figure():
    assert np.isnan(bootstrap_means([], [])).all()


def test_a_paired_difference_sees_what_two_intervals_do_not():
    rng = np.random.default_rng(5)
    hard = rng.random(2000)
    second = (hard < 0.30).astype(float)
    first = (hard < 0.32).astype(float)
    users = np.arange(2000)
    found = paired_difference(first, second, users)
    assert found.mean == pytest.approx(first.mean() - second.mean())
    assert 0 < found.low < found.mean < found.high
    assert found.p == pytest.approx(2 / 1001)
    # Each one's own interval reaches into the other's.
    _, high = interval(bootstrap_means(second, users))
    low, _ = interval(bootstrap_means(first, users))
    assert low < high
    # Its standard error is that of the differences.
    error = (first - second).std() / np.sqrt(2000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_a_paired_difference_of_noise_is_none():
    rng = np.random.default_rng(6)
    sure = [
        paired_difference(
            *rng.binomial(1, 0.3, (2, 300)), np.arange(300), samples=300
        ).p
        < 0.05
        for _ in range(200)
    ]
    assert np.mean(sure) < 0.1


def test_a_paired_difference_turns_around():
    rng = np.random.default_rng(7)
    first, second = rng.random((2, 100))
    users = rng.integers(0, 30, 100)
    there = paired_difference(first, second, users)
    back = paired_difference(second, first, users)
    assert there.mean == -back.mean
    assert there.low == pytest.approx(-back.high)
    assert there.p == back.p


def test_other_queries_cannot_be_paired():
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference([1.0], [1.0, 0.0], [0])
