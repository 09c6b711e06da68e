import dataclasses
import json

import pytest

from applications.figures import (
    Figure,
    SystemFigures,
    list_figures,
    record_system,
)
from pipeline.report import overview
from schema.errors import DataError

CHURN = SystemFigures(
    name="churn",
    title="Churn",
    chinese="流失",
    lead="Who does not come back in 14 days?",
    command="daogou churn evaluate --preset demo",
    figures=(
        Figure(
            metric="auc",
            values={"daogou": 0.81, "recency": 0.74},
            column="auc",
        ),
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


def row_of(report, name):
    rows = json.loads(report.read_text("utf-8"))["overview"]["systems"]
    (row,) = [row for row in rows if row["name"] == name]
    return row


def test_the_table_of_all_systems_has_ours_and_says_why_the_rest_is_missing(
    report,
):
    record_system(report, CHURN)
    row = row_of(report, "churn")
    assert row["title"] == "Churn 流失"
    assert row["figures"] == {"auc": 0.81}
    assert row["at"] is None
    assert set(row["without"]) == set(overview.METRICS) - {"auc"}
    assert "makes no list" in row["without"]["ndcg"]
    # What was not measured is named with what measures it.
    assert row_of(report, "campaigns") == {
        "name": "campaigns",
        "title": "Campaigns",
        "command": "daogou bench campaigns --preset demo",
        "measured": False,
    }
    page = report.with_suffix(".html").read_text("utf-8")
    dash = "<td>–<sup>1</sup></td>"
    assert f"<td>Churn 流失</td><td>–</td>{dash * 6}<td>0.8100</td>" in page
    assert "<sup>1</sup> it says how likely one thing is" in page
    assert "<code>daogou bench campaigns --preset demo</code>" in page


def test_lists_fill_the_table_at_their_cut_off(report):
    lists = {
        "daogou": {"recall@3": 0.6, "ndcg@3": 0.5, "interval": [0.4, 0.6]},
        "popularity": {"recall@3": 0.2, "ndcg@3": 0.1},
    }
    figures = (
        *list_figures(lists, part="log"),
        *list_figures({"daogou": {"ndcg@3": 0.9}}, part="another"),
    )
    assert [figure.metric for figure in figures] == [
        *("recall@3", "ndcg@3", "ndcg@3"),
    ]
    assert figures[0].values == {"daogou": 0.6, "popularity": 0.2}
    told = dataclasses.replace(CHURN, name="campaigns", figures=figures)
    record_system(report, told)
    row = row_of(report, "campaigns")
    # Of two figures of one column the first counts.
    assert row["figures"] == {"recall": 0.6, "ndcg": 0.5}
    assert row["of"] == {"recall": "recall@3: log", "ndcg": "ndcg@3: log"}
    page = report.with_suffix(".html").read_text("utf-8")
    assert '<td><span title="recall@3: log">0.6000</span></td>' in page
    assert row["at"] == 3
    assert "the command measures it" in row["without"]["auc"]


def test_a_system_that_nobody_has_heard_of_has_a_row(report):
    record_system(report, dataclasses.replace(CHURN, name="weather"))
    assert row_of(report, "weather")["figures"] == {"auc": 0.81}


def test_a_report_of_before_there_were_columns_is_taken(report):
    facts = json.loads(report.read_text("utf-8"))
    old = dataclasses.asdict(CHURN)
    for figure in old["figures"]:
        del figure["column"]
    facts["systems"] = {"churn": old}
    report.write_text(json.dumps(facts), encoding="utf-8")
    record_system(report, dataclasses.replace(CHURN, name="weather"))
    row = row_of(report, "churn")
    assert row["measured"]
    assert row["figures"] == {}


def test_what_is_no_report_is_named(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match=r"report\.json is no report"):
        record_system(path, CHURN)


def test_a_column_must_be_one_of_the_table():
    with pytest.raises(ValueError, match="column is 'gini'; allowed: prec"):
        Figure(metric="gini", values={"daogou": 0.7}, column="gini")


def test_figures_have_ours_among_them():
    with pytest.raises(ValueError, match="'daogou' among them"):
        Figure(metric="auc", values={"recency": 0.7})
