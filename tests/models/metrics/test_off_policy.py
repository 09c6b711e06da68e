import numpy as np
import pytest

from models.metrics.off_policy import ips, position_bias, snips

LOOK = np.array([1.0, 0.6, 0.3, 0.15])


def pages(seed=0, count=6000):
    """Pages of four items; a random order, clicks by look times pull."""
    rng = np.random.default_rng(seed)
    pull = rng.beta(1.5, 4.0, (count, 4))
    order = np.argsort(rng.random((count, 4)), axis=1)
    logged = np.argsort(order, axis=1)
    clicks = rng.random((count, 4)) < LOOK[logged] * pull
    users = np.repeat(np.arange(count) // 5, 4).reshape(count, 4)
    return pull, logged, clicks, users


def test_by_hand():
    """Weights 1/2, 2, 1; clicked are the first and the second."""
    logged, other = [1.0, 0.25, 0.5], [0.5, 0.5, 0.5]
    users = [1, 2, 3]
    found = ips([1, 1, 0], logged, other, users)
    assert found.value == pytest.approx((0.5 + 2) / 3)
    assert found.largest_weight == 2
    assert found.effective_samples == pytest.approx(3.5**2 / (0.25 + 4 + 1))
    found = snips([1, 1, 0], logged, other, users)
    assert found.value == pytest.approx(2.5 / 3.5)
    assert ips([1, 1, 0], logged, other, users, clip=1.0).value == 0.5


def test_the_same_policy_earns_what_was_logged():
    _, logged, clicks, users = pages()
    look = LOOK[logged]
    for estimate in (ips, snips):
        found = estimate(
            clicks.ravel(), look.ravel(), look.ravel(), users.ravel()
        )
        assert found.value == pytest.approx(clicks.mean())
        assert found.effective_samples == pytest.approx(clicks.size)


def test_another_order_is_told_without_being_shown():
    """The best order of every page: its true value is known."""
    pull, logged, clicks, users = pages()
    best = np.argsort(np.argsort(-pull, axis=1), axis=1)
    truth = (LOOK[best] * pull).mean()
    assert truth > 1.2 * clicks.mean()
    found = ips(
        clicks.ravel(),
        LOOK[logged].ravel(),
        LOOK[best].ravel(),
        users.ravel(),
    )
    assert found.low < truth < found.high
    assert found.high - found.low < 0.2 * truth


def test_another_choice_is_told_by_both_and_snips_varies_less():
    """One of three arms is drawn; the other policy likes the rare one."""
    rewards = np.array([0.2, 0.5, 0.9])
    log, other = np.array([0.7, 0.25, 0.05]), np.array([0.1, 0.2, 0.7])
    rng = np.random.default_rng(1)
    arm = rng.choice(3, 8000, p=log)
    seen = rng.random(arm.size) < rewards[arm]
    truth = other @ rewards
    users = np.arange(arm.size)
    found = [f(seen, log[arm], other[arm], users) for f in (ips, snips)]
    for estimate in found:
        assert estimate.low < truth < estimate.high
    widths = [estimate.high - estimate.low for estimate in found]
    assert widths[1] < 0.6 * widths[0]


def test_looks_are_told_from_attraction():
    """Better items stand higher, so the click rate alone says too much."""
    rng = np.random.default_rng(3)
    pull = np.linspace(0.05, 0.7, 40)
    item = rng.integers(0, 40, 60_000)
    wish = item / 40 * 3 + rng.normal(0, 1.2, item.size)
    position = np.clip(3 - np.floor(wish), 0, 3).astype(int)
    clicks = rng.random(item.size) < LOOK[position] * pull[item]
    found = position_bias(clicks, position, item)
    np.testing.assert_allclose(found, LOOK, atol=0.04)
    naive = np.array([clicks[position == k].mean() for k in range(4)])
    assert abs(naive[3] / naive[0] - LOOK[3]) > 0.05


def test_a_chance_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"propensity is 0\.0"):
        ips([1], [0.0], [1.0], ["u"])
    with pytest.raises(ValueError, match="no impression has position 1"):
        position_bias([1, 0], [0, 2], ["a", "b"])
