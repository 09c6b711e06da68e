import json
import sys
import types

import pytest
from click.testing import CliRunner

from cli import run_parts
from cli.main import main
from tests.cli import shop_run


@pytest.fixture
def call(tmp_path, monkeypatch):
    examples = shop_run.write_run(tmp_path)
    # A servable takes minutes to make, and its lineage a pipeline.
    fake = types.SimpleNamespace(Recommender=shop_run.Recommender)
    monkeypatch.setitem(sys.modules, "serving.in_process", fake)
    monkeypatch.setattr(run_parts, "examples_dir", lambda *_: examples)

    def invoke(*words):
        return CliRunner().invoke(main, [*words, "--runs", str(tmp_path)])

    return invoke


def _page(call, *words):
    result = call("explore", "--user", "u1", "--json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["page"]


def test_page_says_which_slots_explore_and_why(call):
    page = _page(call, "--k", "5", "--quota", "0.4")
    assert [slot["explored"] for slot in page] == [
        *(False, True, False, False, True)
    ]
    for slot in page:
        assert slot["title"].startswith("无线鼠标")
        assert slot["clicked"] <= slot["shown"]
        if slot["explored"]:
            assert slot["group"] in ("new", "tail")
            assert slot["mark"] in ("新品", "小众好物")
            assert 0 < slot["drawn"] < 1
            # Beside the others, what was clicked can but raise or lower it.
            prior = shop_run.chance(slot["item_id"])
            assert 0.3 * prior < slot["expected"] < 3 * prior
            assert slot["deviation"] > 0
        else:
            assert slot["mark"] == ""
            assert slot["expected"] is None
    ids = [slot["item_id"] for slot in page]
    assert len(set(ids)) == 5


def test_equal_seeds_draw_the_same(call):
    first, again, other = (
        [slot["item_id"] for slot in _page(call, "--quota", "1", "--seed", s)]
        for s in ("1", "1", "2")
    )
    assert first == again != other


def test_no_quota_is_what_is_recommended(call):
    page = _page(call, "--quota", "0", "--k", "3")
    assert [slot["item_id"] for slot in page] == ["i39", "i38", "i37"]
    shown = call("explore", "--user", "u1", "--quota", "0.2")
    assert "2 of 10 slots explore" in shown.output


def test_bench_writes_curves_and_a_plot(call, tmp_path):
    path, plot = tmp_path / "curves.json", tmp_path / "curves.svg"
    words = ["bench", "exploration", "--questions", "20"]
    result = call(*words, "--json", str(path), "--plot", str(plot))
    assert result.exit_code == 0, result.output
    told = json.loads(path.read_text("utf-8"))
    assert told["questions"] == 20
    # No ground truth, so nobody knows what would have been clicked.
    assert "bandit" not in told
    quotas = [point["quota"] for point in told["curves"]["thompson"]]
    assert quotas == [0.0, 0.1, 0.2, 0.3]
    explored = [point["explored"] for point in told["curves"]["thompson"]]
    assert explored == pytest.approx(quotas)
    assert plot.read_text("utf-8").lstrip().startswith("<?xml")
    report = tmp_path / "demo" / "latest" / "report.json"
    systems = json.loads(report.read_text("utf-8"))["systems"]
    names = {f["metric"] for f in systems["exploration"]["figures"]}
    assert {"NDCG of the page", "share of new items"} <= names


def test_plot_needs_a_format_that_is_known(call):
    result = call("bench", "exploration", "--plot", "curves.gif")
    assert result.exit_code == 1
    assert "allowed: .png, .svg, .pdf" in result.output
