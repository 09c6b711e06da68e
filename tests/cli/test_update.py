"""`daogou update`: what it hands on; `tests/e2e` runs it."""

import json
import types

import pytest
from click.testing import CliRunner

from cli.main import main
from pipeline import local_update
from pipeline.spans import Span


@pytest.fixture
def calls(monkeypatch):
    """Takes the place of the update, and tells how it was called."""
    seen = {}

    def update(shop, tables, **arguments):
        seen.update(arguments, shop=shop, tables=tables)
        return types.SimpleNamespace(
            run=types.SimpleNamespace(
                report_path=shop.report, pushed_version="8", seconds=5.0
            ),
            span=Span(
                name="span-00001",
                first=1,
                last=2,
                events=1,
                late=0,
                dropped=0,
                added={},
                replaced={},
            ),
        )

    monkeypatch.setattr(local_update, "update", update)
    return seen


@pytest.fixture
def words(tmp_path):
    run = tmp_path / "runs" / "demo" / "latest"
    run.mkdir(parents=True)
    (run / "report.json").write_text('{"dataset": "Mall"}')
    events = tmp_path / "today.csv"
    events.write_text(
        "user_id,item_id,event_type,timestamp\nu1,i1,click,1700000000\n"
    )
    runs = str(tmp_path / "runs")
    return ["update", "--runs", runs, "--events", str(events), "--json"]


def test_the_span_is_handed_on_as_it_is_given(calls, words):
    done = CliRunner().invoke(main, [*words, "--epochs", "2"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["version"] == "8"
    assert told["span"]["events"] == 1
    assert calls["shop"].preset == "demo"
    assert calls["tables"]["events"]["item_id"].to_pylist() == ["i1"]
    assert calls["training"].epochs == 2
    assert calls["text_models"] is None


def test_the_encoder_is_found_before_anything_runs(
    calls, words, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = CliRunner().invoke(main, [*words, "--encoder", "bge"])
    assert done.exit_code == 1
    assert "daogou encoder import DIR --name bge" in done.stderr
    done = CliRunner().invoke(main, [*words, "--preprocess", "bge"])
    assert "--preprocess goes with --encoder" in done.stderr
    assert not calls
    for part in ("preprocess", "encoder"):
        folder = tmp_path / "own" / part
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [*words, "--encoder", "./own"])
    assert done.exit_code == 0, done.output
    assert calls["text_models"] == (str(tmp_path / "own"),) * 2
