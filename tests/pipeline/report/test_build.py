import dataclasses
import html.parser
import json
import math

import pytest

from cli.bench import BENCHMARKS
from pipeline.report.build import build
from pipeline.report.overview import SYSTEMS
from pipeline.report.results import NodeResult, RunResults

VOID = {"meta"}


class Reader(html.parser.HTMLParser):
    """Collects what a browser would show, load or run."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text, self.links = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [v for k, v in attrs if k in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title"):
            self.text.append(data)


def read(results):
    source = (results.run_dir / "report.html").read_text("utf-8")
    reader = Reader()
    reader.feed(source)
    reader.close()
    assert reader.open == []
    facts = json.loads((results.run_dir / "report.json").read_text("utf-8"))
    return facts, reader, "".join(reader.text)


def test_json_has_the_keys_that_were_promised(finished):
    build(finished)
    facts, _, page = read(finished)
    assert facts["dataset"] == "Simulated mall 模拟商城"
    assert facts["retrieval_intervals"]["model"]["recall@50"] == [0.4, 0.46]
    assert "0.400 – 0.460" in page
    lead = facts["retrieval_leads"]["item_knn"]["recall@50"]
    assert lead["low"] == -0.004
    assert "+0.2600 … +0.3000" in page
    assert "not clear" in page
    assert facts["ranked"]["lead"]["ndcg@10"]["mean"] == 0.011
    assert "+0.0060 … +0.0170" in page
    assert facts["simulated"] is True
    assert facts["status"] == "succeeded"
    events = facts["counts"]["events"]
    assert events["in"] == sum(
        events[name] for name in ("kept", "deduplicated", "bots", "quarantined")
    )
    assert facts["counts"]["items"]["kept"] == 3012
    assert set(facts["retrieval"]) == {"model", "popularity", "item_knn"}
    for figures in facts["retrieval"].values():
        assert {"recall@10", "recall@50", "ndcg@10", "coverage@10"} <= set(
            figures
        )
    assert set(facts["ranking"]) == {"click", "buy"}
    for figures in facts["ranking"].values():
        assert figures["auc"] > 0.5
        assert figures["log_loss"] < figures["prior_log_loss"]
    assert facts["index"] == {
        "kind": "scann",
        "items": 3012,
        "recall@100": 0.981,
    }
    assert facts["servable"]["version"] == "1700000000"
    assert facts["servable"]["path"].endswith("1700000000")
    assert set(facts["servable"]["signatures"]) == {"recommend", "search"}
    assert facts["seconds"]["Trainer"] == 171.2
    assert facts["nodes"]["EventsGen"] == "cached"
    assert facts["histories"]["path"].endswith("histories.parquet")
    assert facts["catalogue"]["path"] == finished.catalogue_dir
    assert facts["gate"]["ok"] is True


def test_all_systems_are_in_one_table(finished):
    build(finished)
    facts, _, page = read(finished)
    rows = {row["name"]: row for row in facts["overview"]["systems"]}
    assert facts["similar"]["queries"] == 1500
    expected = {
        "precision": 0.021,
        "recall": 0.21,
        "f1": 0.0382,
        "ndcg": 0.117,
        "coverage": 0.71,
        "diversity": 0.64,
    }
    for name, scale in (("retrieval", 1), ("ranked", 1.04), ("similar", 0.5)):
        assert rows[name]["at"] == 10
        assert rows[name]["figures"] == pytest.approx(
            {metric: scale * value for metric, value in expected.items()}
        )
        assert set(rows[name]["without"]) == {"auc"}
    for head, figures in facts["ranking"].items():
        row = rows[f"ranking.{head}"]
        assert row["figures"] == {"auc": figures["auc"]}
        assert set(row["without"]) == set(expected)
    # Nothing was measured after the run: each is named with its command.
    for name in SYSTEMS:
        assert rows[name]["measured"] is False
        assert rows[name]["command"].endswith("--preset demo")
        assert rows[name]["command"] in page
    assert "Retrieval 召回" in page
    assert "not measured on this run" in page


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_s_command_is_a_benchmark(name):
    group, command = SYSTEMS[name].command.split()
    assert group == "bench"
    assert command in BENCHMARKS


def test_page_shows_everything_and_needs_nothing_from_outside(finished):
    build(finished)
    _, reader, text = read(finished)
    for part in (
        "SIMULATED DATA",
        "A few users",
        "Retrieval",
        "Ranking",
        "Quality gate",
        "Data",
        "Training",
        "Serving",
        "Time",
        "罗技 M330 无线静音鼠标",
        "u00042",
        "impression 曝光",
        "121,000",
        "device=android",
        "0.981",
        "2 min 51 s",
    ):
        assert part in text
    assert reader.links == []
    assert "svg" in reader.tags


def test_titles_are_text_whatever_they_hold(finished):
    build(finished)
    _, reader, text = read(finished)
    assert "script" not in reader.tags
    assert "<script>alert('标题')</script> & 笔记本支架" in text


def test_real_data_has_no_banner(finished):
    build(dataclasses.replace(finished, simulated=False))
    assert "SIMULATED" not in read(finished)[2]


PARTS = [
    field.name
    for field in dataclasses.fields(RunResults)
    if field.name.endswith("_dir") and field.name != "run_dir"
]


@pytest.mark.parametrize("part", PARTS)
def test_each_part_may_be_missing(finished, part, tmp_path):
    build(dataclasses.replace(finished, **{part: None}))
    _, _, text = read(finished)
    assert "Simulated mall" in text
    # An output folder that was made, and left empty when the node failed.
    empty = tmp_path / "empty"
    empty.mkdir()
    build(dataclasses.replace(finished, **{part: str(empty)}))
    read(finished)


def test_a_run_that_failed_at_once_has_a_report(tmp_path):
    results = RunResults(
        run_dir=tmp_path / "run",
        preset="jdata",
        dataset="JData",
        simulated=False,
        status="failed",
        failure="events: column <item_id> is missing",
        nodes=(NodeResult(name="EventsGen", state="failed", seconds=0.3),),
    )
    build(results)
    facts, reader, text = read(results)
    assert "The run failed — events: column <item_id> is missing" in text
    assert "item_id" not in reader.tags
    assert "EventsGen (failed)" in text
    assert "retrieval" not in facts
    assert facts["seconds"] == {"EventsGen": 0.3}


def test_diverged_training_is_valid_json_and_still_drawn(finished):
    path = f"{finished.model_run_dir}/history.json"
    rows = [
        {"epoch": 1, "loss": 2.0},
        {"epoch": 2, "loss": math.nan},
    ]
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"retrieval": rows, "ranking": []}, file)
    build(finished)
    source = (finished.run_dir / "report.json").read_text("utf-8")
    assert "NaN" not in source
    assert json.loads(source)["training"]["retrieval"][1]["loss"] is None
    read(finished)


def test_filled_in_categories_are_counted_and_their_precision_told(finished):
    build(finished)
    facts, _, page = read(finished)
    assert facts["counts"]["categories"]["filled"] == 97
    for told in (
        "112 items lack a category; 97 of them got one",
        "right for 87.1%",
        "at least 0.5312",
        "84.3% of them, 91.2% of which are right (wanted: 90.0%)",
    ):
        assert told in page


def test_what_kept_categories_from_being_told_is_said(finished, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    counts = {"known": 3, "lacking": 5, "filled": 0, "why_not": "too few"}
    (folder / "report.json").write_text(json.dumps({"categories": counts}))
    build(dataclasses.replace(finished, understanding_report_dir=str(folder)))
    assert "5 items lack a category; 0 of them got one" in read(finished)[2]
    counts["lacking"] = 0
    (folder / "report.json").write_text(json.dumps({"categories": counts}))
    build(dataclasses.replace(finished, understanding_report_dir=str(folder)))
    assert "lack a category" not in read(finished)[2]
