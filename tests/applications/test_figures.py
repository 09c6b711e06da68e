import json

import pytest

from applications.figures import Figure, SystemFigures, record_system
from schema.errors import DataError

CHURN = SystemFigures(
    name="churn",
    title="Churn",
    chinese="流失",
    lead="Who does not come back in 14 days?",
    command="daogou churn evaluate --preset demo",
    figures=(
        Figure(metric="auc", values={"daogou": 0.81, "recency": 0.74}),
        Figure(
            metric="log loss",
            values={"daogou": 0.41, "recency": 0.39, "none": None},
            part="city <上海>",
            lower_is_better=True,
        ),
    ),
)


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.json"
    facts = {
        "preset": "demo",
        "dataset": "Simulated mall",
        "simulated": True,
        "status": "succeeded",
        "failure": "",
        "started_at": 1_700_000_000,
        "total_seconds": 1.0,
        "seconds": {},
        "nodes": {},
        "counts": {},
    }
    path.write_text(json.dumps(facts), encoding="utf-8")
    return path


def test_page_shows_ours_beside_the_baselines_and_marks_the_best(report):
    record_system(report, CHURN)
    page = report.with_suffix(".html").read_text("utf-8")
    assert "<td>auc</td><td><b>0.8100</b></td><td>0.7400</td>" in page
    # A smaller loss is better, and what is unknown is a dash.
    assert "<td>0.4100</td><td><b>0.3900</b></td><td>–</td>" in page
    assert "city &lt;上海&gt;" in page
    assert CHURN.command in page


def test_a_second_system_leaves_the_first_in_place(report):
    record_system(report, CHURN)
    ads = SystemFigures(
        name="ads", title="Ads", chinese="广告", lead="", command="", figures=()
    )
    record_system(report, ads)
    facts = json.loads(report.read_text("utf-8"))
    assert list(facts["systems"]) == ["churn", "ads"]
    assert facts["systems"]["churn"]["figures"][0]["values"]["daogou"] == 0.81
    assert facts["preset"] == "demo"


def test_what_is_no_report_is_named(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match=r"report\.json is no report"):
        record_system(path, CHURN)


def test_figures_have_ours_among_them():
    with pytest.raises(ValueError, match="'daogou' among them"):
        Figure(metric="auc", values={"recency": 0.7})
