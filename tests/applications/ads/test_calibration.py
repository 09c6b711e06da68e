import numpy as np
import pytest

from applications.ads.calibration import (
    KINDS,
    Calibration,
    fit,
    fit_kind,
    pool_adjacent_violators,
    slot_factors,
)
from applications.ads.preparation import calibration_figures
from schema.errors import DataError


def _overconfident(count, seed):
    """Impressions whose odds are the cube of what they should be."""
    rng = np.random.default_rng(seed)
    true = rng.beta(2, 6, count)
    clicked = rng.random(count) < true
    odds = (true / (1 - true)) ** 3
    return odds / (1 + odds), clicked, true


def test_pools_by_hand():
    # 1, 0 pool to .5; with the next 0 to 1/3; then 1.
    at, mean = pool_adjacent_violators(
        np.array([0.4, 0.1, 0.2, 0.3]), np.array([1, 1, 0, 0])
    )
    assert mean.tolist() == pytest.approx([1 / 3, 1.0])
    assert at.tolist() == pytest.approx([0.2, 0.4])


def test_equal_chances_are_one_point():
    at, mean = pool_adjacent_violators(
        np.array([0.2, 0.2, 0.1, 0.1]), np.array([1, 0, 0, 0])
    )
    assert at.tolist() == [0.1, 0.2]
    assert mean.tolist() == [0.0, 0.5]


def test_pools_are_the_nearest_monotone_means():
    """No monotone curve of a fine grid comes closer to the clicks."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        said = rng.permutation(6) / 10.0
        clicked = rng.integers(0, 2, 6)
        calibration = fit_kind("isotonic", said, clicked)
        fitted = _pooled(said, clicked)
        best = ((fitted - clicked) ** 2).sum()
        for _ in range(200):
            other = np.sort(rng.random(6))[np.argsort(np.argsort(said))]
            assert best <= ((other - clicked) ** 2).sum() + 1e-12
        assert (np.diff(calibration(np.linspace(0, 1, 50))) >= 0).all()


def _pooled(said, clicked):
    """Isotonic regression by its min-max formula."""
    order = np.argsort(said)
    y = clicked[order].astype(float)
    n = len(y)
    fitted = [
        max(min(y[a : b + 1].mean() for b in range(i, n)) for a in range(i + 1))
        for i in range(n)
    ]
    _, mean = pool_adjacent_violators(said, clicked)
    assert sorted(set(np.round(fitted, 9))) == sorted(set(np.round(mean, 9)))
    values = np.empty(n)
    values[order] = fitted
    return values


def test_platt_undoes_a_line_on_the_logit():
    said, clicked, true = _overconfident(40_000, 1)
    line = fit_kind("platt", said, clicked)
    assert line.slope == pytest.approx(1 / 3, abs=0.03)
    assert np.abs(line(said) - true).mean() < 0.01


@pytest.mark.parametrize("kind", KINDS[1:])
def test_error_is_smaller_on_later_impressions(kind):
    said, clicked, _ = _overconfident(6000, 1)
    later, outcome, _ = _overconfident(6000, 2)
    told = calibration_figures(fit_kind(kind, said, clicked), later, outcome)
    assert told["before"]["calibration_error"] > 0.1
    assert told["after"]["calibration_error"] < 0.02
    assert told["after"]["log_loss"] < told["before"]["log_loss"]


def test_fit_keeps_what_the_later_part_likes():
    said, clicked, _ = _overconfident(6000, 1)
    assert fit(said, clicked).kind == "platt"
    rng = np.random.default_rng(0)
    right = rng.beta(2, 6, 6000)
    found = fit(right, rng.random(6000) < right)
    assert np.abs(found(right) - right).mean() < 0.02


def test_unknown_stays_unknown():
    for kind in KINDS:
        said, clicked, _ = _overconfident(100, 1)
        found = fit_kind(kind, said, clicked)(np.array([np.nan, 0.0, 1.0]))
        assert np.isnan(found[0])
        assert found[1] >= 0
        assert found[2] <= 1


def test_too_few_clicks():
    with pytest.raises(DataError, match="3 of 50 impressions"):
        fit(np.full(50, 0.1), np.arange(50) < 3)


@pytest.mark.parametrize("kind", KINDS)
def test_survives_a_file(tmp_path, kind):
    said, clicked, _ = _overconfident(500, 1)
    found = fit_kind(kind, said, clicked)
    found.write(tmp_path / "calibration.json")
    assert Calibration.read(tmp_path / "calibration.json") == found


def test_broken_file_is_named(tmp_path):
    path = tmp_path / "calibration.json"
    for text in ("[]", "{", '{"kind": "magic", "said": [], "meant": []}'):
        path.write_text(text)
        with pytest.raises(DataError, match="calibration"):
            Calibration.read(path)


def test_slot_factors_by_hand():
    chances = np.full(200, 0.5)
    positions = np.repeat([0, 1], 100)
    clicked = np.r_[np.arange(100) < 80, np.arange(100) < 20]
    # 90 / 60 and 30 / 60; nothing is known of slot 7.
    found = slot_factors(chances, clicked, positions, (0, 1, 7))
    assert found.tolist() == pytest.approx([1.5, 0.5, 1.0])
