"""How costs grow, what that comes to, and whether the page says so."""

import json
import pathlib

import pytest

from benchmarks.scaling import at_scale, fit, measuring, page, stages
from benchmarks.scaling.plot import draw
from schema.errors import DataError

ROOT = pathlib.Path(__file__).parents[2]
FIGURES = ROOT / "benchmarks" / "results" / "scaling.json"
SVG_BYTES = 60_000


def _row(name, sizes, cpu, peak, **more):
    found = [
        {"cpu_seconds": c, "peak_mb": p, **{k: v[n] for k, v in more.items()}}
        for n, (c, p) in enumerate(zip(cpu, peak, strict=True))
    ]
    return {
        "name": name,
        "about": "made up",
        "grows": "items",
        "sizes": sizes,
        "measured": found,
        **fit.fitted(sizes, found),
    }


def test_costs_are_fitted_and_carried_on_to_a_hundred_million():
    row = _row(
        "servable",
        [1000, 2000, 4000],
        [2.0, 4.0, 8.0],
        [700, 702, 706],
        megabytes=[1.0, 2.0, 4.0],
    )
    assert row["exponent"] == 1.0
    assert row["per_unit"] == pytest.approx(
        {"cpu_seconds": 0.002, "bytes": 2000, "bytes_written": 1000}
    )
    found = {one["what"]: one for one in at_scale.computed([row])}
    disk = found["the servable on disk"]
    assert (disk["value"], disk["unit"]) == (100.0, "GB")
    assert disk["arithmetic"] == "100,000,000 items × 1,000 bytes"
    hours = found["writing the servable"]
    assert hours["value"] == pytest.approx(1e8 * 0.002 / 3600, abs=0.1)
    vectors = found["item vectors, once"]
    assert (vectors["value"], vectors["measured"]) == (25.6, False)
    # Of stages that were not measured nothing is said.
    assert "BehaviorLog" not in found


def test_a_quadratic_cost_shows_as_one():
    row = _row("x", [10, 100, 1000], [0.1, 10.0, 1000.0], [1, 1, 1])
    assert row["exponent"] == 2.0
    assert row["per_unit"]["bytes"] == 0


def test_the_median_of_the_rounds_counts_and_long_work_is_done_once():
    done = []

    def run():
        done.append(len(done))
        return {"seconds": [5.0, 1.0, 3.0][len(done) - 1], "cpu_seconds": 1.0}

    work = measuring.Work(run=run, again=lambda: done.append(done.pop()))
    told = measuring.measure(work, 3, 100.0)
    assert (told["rounds"], told["seconds"]) == (3, 3.0)
    assert told["peak_mb"] >= told["mb"] > 0
    done.clear()
    assert measuring.measure(work, 3, 0.0)["rounds"] == 1
    done.clear()
    once = measuring.Work(run=run, once=True)
    assert measuring.measure(once, 3, 100.0)["rounds"] == 1


def test_every_stage_has_its_work_and_unknown_ones_are_named():
    names = [stage.name for stage in stages.STAGES]
    assert len(set(names)) == len(names)
    for stage in stages.STAGES:
        assert sorted(stage.sizes) == list(stage.sizes)
        module, _, function = stage.work.partition(":")
        source = (ROOT / "benchmarks" / "scaling" / f"{module}.py").read_text()
        assert f"\ndef {function}(" in source
    assert [s.name for s in stages.by_names(("load", "index"))] == [
        "index",
        "load",
    ]
    with pytest.raises(DataError, match="no stage 'lod'; allowed: behavior_"):
        stages.by_names(("lod",))


def test_small_stages_run_for_real(tmp_path):
    """Those that need no TensorFlow of their own: real code, small sizes."""
    for name, size, says in (
        ("histories", 400, "megabytes"),
        ("evaluation", 50, "median_rank"),
    ):
        [stage] = stages.by_names((name,))
        folder = tmp_path / name
        folder.mkdir()
        told = measuring.measure(
            measuring.prepared(stage, size, folder), 2, 60.0
        )
        assert told["rounds"] == 2
        assert told[says] > 0


def test_the_picture_is_small_and_names_every_stage(tmp_path):
    path = tmp_path / "scaling.svg"
    result = json.loads(FIGURES.read_text(encoding="utf-8"))
    draw(result, path)
    text = path.read_text(encoding="utf-8")
    assert len(text) < SVG_BYTES
    for row in result["stages"]:
        assert f">{row['name']}, " in text


def test_the_page_shows_the_figures_that_were_measured():
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    result = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert page.measured_table(result) in text
    assert page.computed_table(result) in text
    assert result["command"] in text
    assert (ROOT / "docs" / "scaling.svg").stat().st_size < SVG_BYTES
    # What has no figures is said.
    for name in page.not_measured(result):
        assert f"`{name}`" in text


def test_tables_take_their_places_in_a_page():
    row = _row("load", [10, 20, 40], [1.0, 2.0, 4.0], [100, 101, 103])
    result = {"stages": [row], "computed": at_scale.computed([row])}
    text = (
        "a\n<!-- measured -->\nSTALE\n<!-- measured -->\nb\n"
        "<!-- computed --><!-- computed -->\nc"
    )
    made = page.with_tables(text, result)
    assert "STALE" not in made
    assert "| 10 · 20 · 40 | 1 · 2 · 4 | 100 · 101 · 103 | 1.00 |" in made
    assert "100,000,000 items × 100,000 bytes" in made
    assert page.with_tables(made, result) == made
    assert "load" not in page.not_measured(result)
    assert "index" in page.not_measured(result)
