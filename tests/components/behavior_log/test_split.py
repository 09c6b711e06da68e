import numpy as np
import pytest

from components.behavior_log import split as split_module
from components.behavior_log.split import TimeHistogram, choose_split
from schema.errors import DataError


def test_the_latest_tenth_evaluates():
    histogram = TimeHistogram.of(np.arange(100, 200))
    assert choose_split(histogram, 0.1, 0) == 190


def test_ties_stay_together():
    # 6 at 10, 3 at 20, 1 at 30: a third closest to 4 of 10 is from 20 on.
    times = np.array([10] * 6 + [20] * 3 + [30])
    assert choose_split(TimeHistogram.of(times), 0.3, 0) == 20
    assert choose_split(TimeHistogram.of(times), 0.1, 0) == 30


def test_histograms_merge_to_the_same_in_any_order(monkeypatch):
    monkeypatch.setattr(split_module, "MAX_BINS", 16)
    rng = np.random.default_rng(0)
    times = rng.integers(1_700_000_000, 1_700_100_000, 500)
    parts = [TimeHistogram.of(part) for part in np.array_split(times, 7)]
    whole = TimeHistogram.of(times)
    forth, back = parts[0], parts[-1]
    for part in parts[1:]:
        forth = forth.merge(part)
    for part in parts[-2::-1]:
        back = back.merge(TimeHistogram.from_json(part.to_json()))
    assert forth.to_json() == back.to_json() == whole.to_json()
    assert whole.width > 1
    assert whole.counts.sum() == 500
    assert len(whole.bins) <= 16


def test_a_given_split_must_leave_both_sides_something():
    histogram = TimeHistogram.of(np.array([10, 20]))
    assert choose_split(histogram, 0.1, 15) == 15
    for given in (10, 21):
        with pytest.raises(DataError, match="lie from 10 to 20"):
            choose_split(histogram, 0.1, given)
