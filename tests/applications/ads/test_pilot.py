import numpy as np
import pytest

from applications.ads.calibration import fit
from applications.ads.pilot import of_pilot
from applications.ads.preparation import calibration_figures


def _pilot(said, chances, visits=400, seed=0):
    return of_pilot(
        np.asarray(said),
        np.asarray(chances),
        looked=np.array([1.0, 0.5]),
        positions=(0, 3),
        visits=visits,
        seed=seed,
    )


def test_ads_are_shown_in_proportion_to_what_the_head_says():
    said = [[0.6, 0.3, 0.1, np.nan, 0.0]]
    shown = _pilot(said, [[0.0] * 5], visits=20_000)
    first = shown.said[shown.positions == 0]
    for chance in (0.6, 0.3, 0.1):
        assert (first == chance).mean() == pytest.approx(chance, abs=0.02)
    # Two slots, never the same ad.
    assert len(shown.said) == 40_000
    assert (shown.said[0::2] != shown.said[1::2]).all()


def test_clicks_need_a_look():
    shown = _pilot([[0.5, 0.5]], [[0.4, 0.4]], visits=10_000)
    rates = [shown.clicked[shown.positions == slot].mean() for slot in (0, 3)]
    assert rates == pytest.approx([0.4, 0.2], abs=0.02)


def test_equal_seeds_show_the_same():
    said, chances = [[0.5, 0.2, 0.1]], [[0.3, 0.3, 0.3]]
    one, same, other = (_pilot(said, chances, seed=s) for s in (1, 1, 2))
    assert one.said.tolist() == same.said.tolist() != other.said.tolist()
    assert one.clicked.tolist() == same.clicked.tolist()


def test_a_head_that_never_saw_such_ads_is_put_right():
    """It says 6 % of what is clicked once in 250 showings."""
    rng = np.random.default_rng(0)
    true = rng.choice([0.004, 0.2], (100, 40), p=[0.9, 0.1])
    said = np.where(true < 0.1, 0.06, 0.25) * rng.uniform(0.7, 1.3, true.shape)
    before = _pilot(said[:50], true[:50], visits=40, seed=0)
    after = _pilot(said[50:], true[50:], visits=40, seed=1)
    fitted = fit(before.said, before.clicked)
    told = calibration_figures(fitted, after.said, after.clicked)
    assert told["before"]["calibration_error"] > 0.04
    assert told["after"]["calibration_error"] < 0.01
    assert told["after"]["log_loss"] < told["before"]["log_loss"]
