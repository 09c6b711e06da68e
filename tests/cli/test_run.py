import json
import os
import pathlib
import shutil
import sys
import types

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli import options
from cli.main import main
from models.tuning.settings import TuningSettings
from pipeline import local_runner, progress
from schema.errors import GateError


def _histories(folder):
    table = pa.table(
        {
            "user_id": ["u 1"],
            "history_item_ids": [["i1", "i2"]],
            "history_event_types": [["click", "buy"]],
            "history_timestamps": [[1_700_000_000, 1_700_000_001]],
        }
    )
    pq.write_table(table, folder / "histories.parquet")


@pytest.fixture
def calls(monkeypatch):
    """Runs two nodes that need no TFX, and tells how it was called."""
    seen = {}

    def run(*, on_event, **arguments):
        seen.update(arguments)
        on_event(progress.RunStarted(nodes=("EventsGen", "Trainer")))
        on_event(progress.NodeStarted(node="EventsGen"))
        # As the libraries do; the runner has sent it to its log.
        os.write(1, b"")
        on_event(
            progress.NodeFinished(node="EventsGen", seconds=2.0, cached=True)
        )
        on_event(progress.NodeStarted(node="Trainer"))
        on_event(progress.NodeFinished(node="Trainer", seconds=3.0))
        folder = arguments["runs"] / arguments["preset"] / "r1"
        folder.mkdir(parents=True)
        _histories(folder)
        report_path = folder / "report.json"
        report_path.write_text(
            json.dumps(
                {
                    "dataset": "Mall",
                    "retrieval": {"model": {"recall@10": 0.25}},
                    "tuning": [
                        {"trial_id": "1", "score": 0.25, "model.dimension": 64},
                        {"trial_id": "0", "score": 0.2, "model.dimension": 32},
                    ],
                    "histories": {"path": str(folder)},
                }
            )
        )
        on_event(progress.RunFinished(report_path=report_path, seconds=5.0))
        return types.SimpleNamespace(
            report_path=report_path, pushed_version="7", seconds=5.0
        )

    monkeypatch.setattr(local_runner, "run", run)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    return seen


def test_progress_goes_to_stderr_and_results_to_stdout(calls, tmp_path):
    result = CliRunner().invoke(
        main, ["run", "--preset", "demo", "--runs", str(tmp_path)]
    )
    assert result.exit_code == 0, result.stderr
    assert result.stderr == (
        "[1/2] EventsGen … cached\n[2/2] Trainer … 3.0 s\ndone in 5.0 s\n"
    )
    html = tmp_path / "demo" / "r1" / "report.html"
    tail = f"--preset demo --runs {tmp_path}"
    lines = result.stdout.splitlines()
    assert f"report: {html}" in lines
    assert "pushed: version 7" in lines
    assert "0.2500" in result.stdout
    assert lines[-4:] == [
        "Try next:",
        f"  daogou recommend --user 'u 1' {tail}",
        f"  daogou similar --item i2 {tail}",
        f'  daogou search "无线鼠标" {tail}',
    ]


def test_next_commands_work_where_the_environment_is_not_on_the_path(
    calls, tmp_path, monkeypatch
):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "argv", [".venv/bin/daogou", "run"])
    result = CliRunner().invoke(
        main, ["run", "--preset", "demo", "--runs", str(tmp_path)]
    )
    last = result.stdout.splitlines()[-1]
    assert last.startswith("  .venv/bin/daogou search")


def test_data_without_readable_titles_gets_no_search(calls, tmp_path):
    result = CliRunner().invoke(
        main, ["run", "--preset", "taobao", "--runs", str(tmp_path)]
    )
    assert "daogou search" not in result.stdout
    assert "  daogou users --preset taobao" in result.stdout


def test_options_reach_the_runner(calls, tmp_path):
    result = CliRunner().invoke(
        main,
        [
            "run",
            "--preset=jdata",
            f"--data={tmp_path}",
            f"--runs={tmp_path / 'runs'}",
            "--seed=5",
            "--fine-tune=top",
            "--images",
            "--no-cache",
            "--verbose",
        ],
    )
    assert result.exit_code == 0, result.stderr
    assert calls == {
        "preset": "jdata",
        "data": tmp_path,
        "runs": tmp_path / "runs",
        "seed": 5,
        "text_models": None,
        "fine_tune": "top",
        "images": True,
        "use_cache": False,
        "verbose": True,
    }


def test_a_search_for_settings_reaches_the_runner(calls, tmp_path):
    words = ["--preset=jdata", f"--runs={tmp_path}", "--trials=3"]
    result = CliRunner().invoke(
        main,
        ["tune", *words, "--seconds=60", "--try=model.dimension=32|64"],
    )
    assert result.exit_code == 0, result.stderr
    assert calls["tuning"] == TuningSettings(
        trials=3, max_seconds=60.0, space=("model.dimension=32|64",)
    )
    assert "The best of 2, 0.2500:\n  model.dimension = 64" in result.stdout
    bad = CliRunner().invoke(main, ["tune", *words, "--try=model.width=1|2"])
    assert bad.exit_code == 1
    assert "'model.width=1|2'; allowed: NAME=VALUES" in bad.stderr


def test_what_was_tuned_is_trained_with(calls, tmp_path):
    words = ["run", "--preset=jdata", f"--runs={tmp_path}", "--tuned"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "`daogou tune --preset jdata` does it" in result.stderr
    kept = tmp_path / "jdata" / "pipeline" / "tuning" / "settings.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(TuningSettings(trials=7).to_json())
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.stderr
    assert calls["tuning"] == TuningSettings(trials=7)


def test_a_failed_gate_is_told_in_its_own_words(monkeypatch):
    def run(*, on_event, **arguments):
        on_event(progress.RunStarted(nodes=("QualityGate",)))
        on_event(progress.NodeStarted(node="QualityGate"))
        on_event(progress.NodeFailed(node="QualityGate", message="…"))
        raise GateError("recall@10 is 0.012; needed: at least 0.05")

    monkeypatch.setattr(local_runner, "run", run)
    result = CliRunner().invoke(main, ["run", "--preset", "demo"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "[1/1] QualityGate … failed\n"
        "error: recall@10 is 0.012; needed: at least 0.05\n"
    )


def test_the_presets_are_those_of_the_pipeline():
    from pipeline import presets

    assert presets.NAMES == options.PRESETS


def test_data_only_writes_tables_and_runs_nothing(calls, tmp_path):
    result = CliRunner().invoke(
        main, ["run", "--preset=tiny", f"--runs={tmp_path}", "--data-only"]
    )
    assert result.exit_code == 0, result.stderr
    assert calls == {}
    data_dir = pathlib.Path(tmp_path) / "tiny" / "data"
    assert f"tables: {data_dir}" in result.stdout
    assert pq.ParquetDataset(data_dir / "events").read().num_rows > 1000


def test_encoder_is_found_before_anything_runs(calls, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    words = ["run", "--preset", "demo", "--runs", str(tmp_path)]
    done = CliRunner().invoke(main, [*words, "--encoder", "bge"])
    assert done.exit_code == 1
    assert "daogou encoder import DIR --name bge" in done.stderr
    assert not calls
    done = CliRunner().invoke(main, [*words, "--preprocess", "bge"])
    assert "--preprocess goes with --encoder" in done.stderr
    for part in ("preprocess", "encoder"):
        folder = tmp_path / "own" / part
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, [*words, "--encoder", "./own"])
    assert done.exit_code == 0, done.output
    assert calls["text_models"] == (str(tmp_path / "own"),) * 2
