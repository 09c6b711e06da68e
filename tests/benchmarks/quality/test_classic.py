import numpy as np
import pytest

from benchmarks.quality import choosing, classic, evaluation
from schema.errors import DataError


@pytest.mark.parametrize("name", ["item_knn", "ease"])
def test_what_comes_next_is_learned(walks, tmp_path, name):
    score = getattr(classic, name)(walks, seed=0, log_dir=tmp_path)
    found = evaluation.rank(walks, score, "test").mean("hr@10")
    popular = classic.popularity(walks, seed=0, log_dir=tmp_path)
    assert found > 0.95
    assert evaluation.rank(walks, popular, "test").mean("hr@10") < 0.5


def test_popularity_counts_training_steps_only(walks, tmp_path):
    score = classic.popularity(walks, seed=0, log_dir=tmp_path)
    counts = np.bincount(walks.training().rows, minlength=40)
    for split in ("validation", "test"):
        assert (score(np.array([3, 8]), split) == counts).all()


def test_ease_is_the_best_linear_map():
    rng = np.random.default_rng(1)
    chosen = (rng.random((60, 12)) < 0.3).astype(np.float32)
    weights = classic.ease_weights(chosen.T @ chosen, 3.0)
    assert (np.diag(weights) == 0).all()
    # Each column is a ridge regression of an item on the others.
    for item in range(12):
        others = np.arange(12) != item
        left = chosen[:, others]
        expected = np.linalg.solve(
            left.T @ left + 3.0 * np.eye(11), left.T @ chosen[:, item]
        )
        assert weights[others, item] == pytest.approx(expected, abs=1e-4)


def test_ease_says_when_it_is_too_large(walks, tmp_path, monkeypatch):
    monkeypatch.setattr(classic, "_EASE_MOST_BYTES", 1000)
    with pytest.raises(DataError, match="for 40 items"):
        classic.ease(walks, seed=0, log_dir=tmp_path)


def test_climbing_stops_at_the_peak():
    asked = []

    def value(rung):
        asked.append(rung)
        return -abs(rung - 2)

    assert choosing.climb([1.0, 2.0, 3.0, 4.0, 5.0], 2, value) == 2.0
    assert asked == [3.0, 4.0, 2.0, 1.0]
    assert choosing.climb([1.0, 2.0], 1, lambda rung: 0.0) == 2.0


def test_the_chooser_keeps_what_is_best(walks):
    def points(offset):
        """Recommends what is some steps ahead of the last."""

        def score(users, split):
            history = walks.histories(split, users)
            last = history.rows[history.offsets[1:] - 1]
            scores = np.zeros((len(users), 40), np.float32)
            scores[np.arange(len(users)), (last + offset) % 40] = 1
            return scores

        return score

    choose: choosing.Chooser[int] = choosing.Chooser(walks, 0)
    values = [choose.look(offset, points(offset)) for offset in (3, 1, 2)]
    assert choose.best == 1
    assert values[1] == 1.0
    assert values[0] < 0.5
    assert evaluation.rank(walks, choose.score, "test").mean("hr@5") == 1.0
