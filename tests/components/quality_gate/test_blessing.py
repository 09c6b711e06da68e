import json

import pytest

from components.quality_gate.settings import GateSettings
from schema.errors import DataError, GateError


def _model(value):
    return {"overall": {"recall@50": value, "ndcg@10": value}}


@pytest.fixture
def folders(tmp_path, evaluation_dir):
    from components.quality_gate.blessing import ReportFolders

    reports = {
        "metrics.json": {
            "queries": 500,
            "models": {
                "model": _model(0.3),
                "popularity": _model(0.1),
                "item_knn": _model(0.2),
            },
        },
        "index.json": {"recall@100": 0.99, "tail_recall@100": 0.99},
        "report.json": {"signatures": {}},
    }
    for name, content in reports.items():
        (tmp_path / name).write_text(json.dumps(content), "utf-8")
    place = str(tmp_path)
    return ReportFolders(
        evaluation=evaluation_dir, retrieval=place, index=place, serving=place
    )


def test_a_good_model_is_passed_with_every_check_listed(folders, tmp_path):
    from components.quality_gate.blessing import run_gate

    run_gate(folders, str(tmp_path / "blessing"), GateSettings())
    gate = json.loads((tmp_path / "blessing" / "gate.json").read_text("utf-8"))
    assert gate["ok"] is True
    assert {check["metric"] for check in gate["checks"] if check["made"]} == {
        "retrieval.model.recall@50 / popularity.recall@50",
        "retrieval.model.recall@50 / item_knn.recall@50",
        "retrieval.model.ndcg@10 / popularity.ndcg@10",
        "retrieval.model.ndcg@10 / item_knn.ndcg@10",
        "ranking.click.auc",
        "ranking.click.log_loss",
        "index.recall@100",
        "index.tail_recall@100",
    }


def test_every_failure_is_named_and_written_first(folders, tmp_path):
    from components.quality_gate.blessing import run_gate

    strict = GateSettings(min_auc=0.99, min_recall_at_50_over_item_knn=2.0)
    with pytest.raises(GateError) as error:
        run_gate(folders, str(tmp_path / "blessing"), strict)
    text = str(error.value)
    assert "2 of 10 checks failed" in text
    assert "ranking.click.auc is 0.8" in text
    assert "must be at least 0.99" in text
    assert "(0.3000 against 0.2000), must be at least 2" in text
    gate = json.loads((tmp_path / "blessing" / "gate.json").read_text("utf-8"))
    assert gate["ok"] is False


def test_a_missing_report_is_named(folders, tmp_path):
    from components.quality_gate.blessing import run_gate

    (tmp_path / "index.json").unlink()
    with pytest.raises(DataError, match=r"index\.json: the gate needs"):
        run_gate(folders, str(tmp_path / "blessing"), GateSettings())
