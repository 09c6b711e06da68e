import json
import os

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.reports import newest_report
from schema.errors import DataError

REPORT = {
    "dataset": "Simulated mall",
    "simulated": True,
    "counts": {
        "events": {
            "in": 1200,
            "kept": 1100,
            "deduplicated": 60,
            "bots": 30,
            "quarantined": 10,
        }
    },
    "retrieval": {
        "model": {
            "recall@10": 0.2512,
            "recall@50": 0.5,
            "ndcg@10": 0.125,
            "coverage@10": 0.75,
        },
        "popularity": {"recall@10": 0.03, "recall@50": 0.1},
    },
    "ranking": {
        "click": {"auc": 0.71, "log_loss": 0.31, "prior_log_loss": 0.35}
    },
    "index": {"kind": "scann", "items": 3000, "recall@100": 0.987},
}


def _finish(runs, preset, run, values, *, at):
    folder = runs / preset / run
    folder.mkdir(parents=True)
    path = folder / "report.json"
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    os.utime(path, (at, at))
    link = runs / preset / "latest"
    link.unlink(missing_ok=True)
    link.symlink_to(run)
    return path


def test_the_newest_run_of_all_or_of_one_preset(tmp_path):
    demo = _finish(tmp_path, "demo", "r1", REPORT, at=100)
    taobao = _finish(tmp_path, "taobao", "r1", REPORT, at=200)
    assert newest_report(tmp_path, None).path == taobao
    assert newest_report(tmp_path, None).preset == "taobao"
    assert newest_report(tmp_path, "demo").path == demo
    later = _finish(tmp_path, "demo", "r2", REPORT, at=300)
    assert newest_report(tmp_path, None).path == later


def test_without_a_run_the_error_says_how_to_make_one(tmp_path):
    with pytest.raises(DataError, match=r"daogou run --preset demo"):
        newest_report(tmp_path, None)
    _finish(tmp_path, "demo", "r1", REPORT, at=100)
    with pytest.raises(DataError, match=r"'taobao'.*there: demo"):
        newest_report(tmp_path, "taobao")


def test_places_are_checked(tmp_path):
    values = {"servable": {"path": "model"}, "histories": {"path": "/gone"}}
    path = _finish(tmp_path, "demo", "r1", values, at=100)
    (path.parent / "model").mkdir()
    found = newest_report(tmp_path, "demo")
    assert found.place("servable") == path.parent / "model"
    with pytest.raises(DataError, match=r"/gone is gone"):
        found.place("histories")
    with pytest.raises(DataError, match=r"names no catalogue\.path"):
        found.place("catalogue")


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_broken_report_is_named(tmp_path, text):
    path = _finish(tmp_path, "demo", "r1", {}, at=100)
    path.write_text(text)
    with pytest.raises(DataError, match=r"report\.json"):
        newest_report(tmp_path, "demo")


def test_the_command_prints_path_and_metrics(tmp_path):
    path = _finish(tmp_path, "demo", "r1", REPORT, at=100)
    result = CliRunner().invoke(main, ["report", "--runs", str(tmp_path)])
    assert result.exit_code == 0
    assert str(path.with_suffix(".html")) in result.stdout
    for text in (
        "Simulated mall (simulated data)",
        "1,200 in, 1,100 kept, 60 deduplicated, 30 bots, 10 quarantined",
        "0.2512",
        "scann, 3,000 items, recall@100 0.9870",
    ):
        assert text in result.stdout
    [row] = [r for r in result.stdout.splitlines() if "popularity" in r]
    # What a method has no figure for is a dash, not a zero.
    assert row.split() == ["popularity", "0.0300", "0.1000", "-", "-"]
    [row] = [r for r in result.stdout.splitlines() if " click" in r]
    assert row.split() == ["click", "0.7100", "0.3100", "0.3500"]


def test_json_is_the_report_itself(tmp_path):
    _finish(tmp_path, "demo", "r1", REPORT, at=100)
    result = CliRunner().invoke(
        main, ["report", "--runs", str(tmp_path), "--json"]
    )
    assert json.loads(result.stdout) == REPORT
