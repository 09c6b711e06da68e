import dataclasses
import json
import sys
import types

import numpy as np
import pytest

from benchmarks import quality
from benchmarks.quality import contenders, results, runs
from schema.errors import DataError
from schema.settings import SettingsError


class Guess:
    """Knows the target with a chance, and counts how often it learned."""

    def __init__(self, chance):
        self.chance = chance
        self.seeds = []

    def __call__(self, data, *, seed, log_dir):
        self.seeds.append(seed)
        (log_dir / "about.json").write_text(json.dumps({"seed": seed}))
        knows = np.random.default_rng(seed).random(len(data.users))

        def score(users, split):
            scores = np.zeros((len(users), data.num_items), np.float32)
            known = np.flatnonzero(knows[users] < self.chance)
            scores[known, data.targets(split, users[known])] = 1
            return scores

        return score


def contender(name, fit, **more):
    return contenders.Contender(
        name=name,
        title=name.title(),
        fit=fit,
        settings=lambda: {"chance": getattr(fit, "chance", 0)},
        **more,
    )


def run(data, work, *taking_part, seeds=2):
    said = []
    outcomes = runs.run(
        data, list(taking_part), seeds=seeds, work=work, say=said.append
    )
    return outcomes, said


def test_finished_runs_are_not_run_again(walks, tmp_path):
    good = contender("good", Guess(0.6))
    once = contender("once", Guess(0.3), seeded=False)
    before, _ = run(walks, tmp_path, good, once)
    assert good.fit.seeds == [1, 2]
    assert once.fit.seeds == [1]
    after, said = run(walks, tmp_path, good, once, seeds=3)
    assert good.fit.seeds == [1, 2, 3]
    assert once.fit.seeds == [1]
    assert "good, seed 1: was there; hr@10" in said[0]
    for seed in (1, 2):
        old, new = before[0].runs[seed], after[0].runs[seed]
        assert (old.ranks == new.ranks).all()
        assert old.result == new.result
        assert new.result["about"] == {"seed": seed}
    assert "good, seed 3: took" in (tmp_path / "bench.log").read_text()


def test_what_changes_a_result_makes_it_run_again(walks, tmp_path):
    good = contender("good", Guess(0.6))
    run(walks, tmp_path, good, seeds=1)
    other = contender("good", Guess(0.5))
    run(walks, tmp_path, other, seeds=1)
    assert other.fit.seeds == [1]
    rows = walks.rows.copy()
    rows[0] = (rows[0] + 1) % 40
    run(dataclasses.replace(walks, rows=rows), tmp_path, other, seeds=1)
    assert other.fit.seeds == [1, 1]
    # A run that was cut short is not finished.
    (tmp_path / "good" / "seed-1" / "result.json").unlink()
    run(dataclasses.replace(walks, rows=rows), tmp_path, other, seeds=1)
    assert other.fit.seeds == [1, 1, 1]


def test_a_model_that_fails_does_not_stop_the_others(walks, tmp_path):
    def broken(data, *, seed, log_dir):
        raise DataError("too many items")

    outcomes, _ = run(
        walks, tmp_path, contender("bad", broken), contender("ok", Guess(0.5))
    )
    found = results.summary(walks, "walks", outcomes)
    assert found["failed"] == {"bad": "too many items"}
    assert list(found["models"]) == ["ok"]
    assert "bad failed: too many items" in results.table(found)
    assert "too many items" in str(runs.FailedError(found["failed"]))


def test_the_summary_is_over_seeds_and_users(walks, tmp_path):
    outcomes, _ = run(
        walks,
        tmp_path,
        contender("good", Guess(0.6), ours=True),
        contender("bad", Guess(0.2)),
    )
    found = results.summary(walks, "walks", outcomes)
    good = found["models"]["good"]
    by_seed = good["by_seed"]["mrr"]
    assert len(set(by_seed)) == 2
    assert good["mrr"] == pytest.approx(np.mean(by_seed))
    low, high = good["intervals"]["mrr"]
    assert low < good["mrr"] < high
    # Two seeds know other users, so their mean is surer than one of them.
    figures = outcomes[0].runs[1].ranks
    error = np.std(1 / (figures + 1.0)) / np.sqrt(300)
    assert high - low < 2 * 1.96 * error
    assert good["slices"]["head"]["users"] == 300
    gap = found["differences"]["good"]["bad"]["ndcg@10"]
    assert gap["mean"] == pytest.approx(
        good["ndcg@10"] - found["models"]["bad"]["ndcg@10"]
    )
    assert gap["low"] > 0
    assert gap["p"] < 0.01
    assert json.loads(json.dumps(found)) == found
    lines = results.table(found).splitlines()
    assert lines[2].startswith("| model | HR@5 | HR@10 |")
    assert lines[4].startswith("| Good |")
    assert lines[5].startswith("| Bad |")


def test_published_figures_stand_apart(walks, tmp_path):
    outcomes, _ = run(walks, tmp_path, contender("some", Guess(0.5)))
    found = results.summary(walks, "beauty", outcomes)
    assert found["published"]["note"] == "from papers, not run here"
    assert list(found["models"]) == ["some"]
    table = results.table(found)
    assert "| eSASRec | 0.0928 | 0.0523 |" in table
    assert table.index("not run here") > table.index("| Some |")
    other = results.summary(walks, "walks", outcomes)
    assert other["published"]["figures"] == []


def test_which_models_take_part(walks):
    names = {one.name for one in contenders.chosen([], walks)}
    assert "daogou" in names
    assert "daogou-attributes" not in names
    picked = contenders.chosen(["ease", "popularity"], walks)
    assert [one.name for one in picked] == ["popularity", "ease"]
    with pytest.raises(SettingsError, match="no model 'easy'; allowed: daogou"):
        contenders.chosen(["easy"], walks)
    with pytest.raises(SettingsError, match="needs attributes"):
        contenders.chosen(["daogou-attributes"], walks)


def test_our_own_models_take_part(monkeypatch):
    own = types.ModuleType("own")
    own.fit = lambda data, **given: (data, given)
    own.settings = lambda *, attributes: {"attributes": attributes}
    monkeypatch.setitem(sys.modules, "benchmarks.quality.ours", own)
    monkeypatch.setattr(quality, "ours", own, raising=False)
    for contender, attributes in zip(
        contenders.ALL[:2], (False, True), strict=True
    ):
        assert contender.ours
        assert contender.settings() == {"attributes": attributes}
        assert contender.fit("data", seed=3, log_dir="log") == (
            "data",
            {"seed": 3, "log_dir": "log", "attributes": attributes},
        )
