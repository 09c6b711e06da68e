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
        return CliRunner().invoke(main, [*words])

    invoke.runs = ["--runs", str(tmp_path)]
    return invoke


def _json(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_make_and_check(call, tmp_path):
    path = str(tmp_path / "ads.csv")
    made = call("ads", "make", "--output", path, "--count", "9", *call.runs)
    assert made.output == f"9 simulated ads: {path}\n"
    checked = call("ads", "check", path)
    assert checked.exit_code == 0
    assert checked.output.startswith("9 ads, bids of ")


def test_check_names_what_is_wrong(call, tmp_path):
    path = tmp_path / "ads.csv"
    path.write_text(
        "ad_id,item_id,bid,daily_budget,quality,frequency_cap\n"
        "a,i01,1,5,0.5,1\nb,i02,-1,5,0.5,1\n"
    )
    result = call("ads", "check", str(path))
    assert result.exit_code == 1
    assert "row 2, bid: -1.0; allowed: 0.01 to 1000" in result.output


def test_rank_prices_the_slots_of_a_user(call, tmp_path):
    path = tmp_path / "ads.csv"
    path.write_text(
        "ad_id,item_id,bid,daily_budget,quality,frequency_cap,cities\n"
        "a,i05,1,5,1,1,\nb,i10,2,5,1,1,\nc,i30,9,9,1,1,上海\n"
        "d,i39,9,9,1,1,\n"
    )
    words = ["ads", "rank", "--user", "u1", "--ads", str(path), "--slots", "2"]
    told = _json(call(*words, "--json", *call.runs))
    first, second = told["ads"]
    # c is for another city, and d sold out.
    assert [one["ad_id"] for one in told["ads"]] == ["b", "a"]
    assert first["title"] == "无线鼠标 10号"
    assert first["ecpm"] == pytest.approx(2000 * first["chance"])
    least = second["bid"] * second["chance"] / first["chance"]
    assert first["price"] == pytest.approx(least, abs=0.011)
    assert second["price"] == 0.05
    # The second call reads the calibration that the first one left.
    kept = tmp_path / "demo" / "latest" / "ads_calibration.json"
    assert json.loads(kept.read_text())["kind"] in ("raw", "platt", "isotonic")
    kept.write_text(
        '{"kind": "platt", "slope": 0.0, "intercept": 0.0,'
        ' "said": [], "meant": []}'
    )
    told = _json(call(*words, "--json", *call.runs))
    assert [one["chance"] for one in told["ads"]] == [0.5, 0.5]
    shown = call(*words, *call.runs)
    assert "无线鼠标 10号" in shown.output


def test_simulate_replays_the_log(call):
    told = _json(call("ads", "simulate", "--count", "30", "--json", *call.runs))
    figures = told["figures"]
    assert told["simulated_clicks"] is False
    assert told["facts"]["pages"] == 136
    assert 0 < figures["clicks"] < figures["showings"]
    assert figures["max_overspend"] <= 0
    spent = sum(ad["spent"] for ad in told["ads"])
    assert spent == pytest.approx(figures["revenue"])
    assert sum(ad["clicks"] for ad in told["ads"]) == figures["clicks"]
    shown = call("ads", "simulate", "--count", "30", *call.runs)
    assert "largest overspending 0.0%" in shown.output


def test_bench_writes_figures_into_the_report(call, tmp_path):
    path = tmp_path / "ads.json"
    words = ["bench", "ads", "--markets", "2", "--count", "30"]
    result = call(*words, "--json", str(path), *call.runs)
    assert result.exit_code == 0, result.output
    told = json.loads(path.read_text("utf-8"))
    assert told["crowd"] == 1
    assert told["ways"]["daogou"]["max_overspend"] <= 0
    lead = told["leads"]["random, at the bid"]["revenue"]
    assert lead["interval"][0] <= lead["mean"] <= lead["interval"][1]
    report = tmp_path / "demo" / "latest" / "report.json"
    system = json.loads(report.read_text("utf-8"))["systems"]["ads"]
    shown = system["figures"][0]["values"]
    assert shown["by bid"] == told["ways"]["by bid"]["revenue"]
    assert set(shown) == {"daogou", "by bid", "by CTR", "random"}


def test_nothing_is_left_to_calibrate_on(call):
    result = call("ads", "simulate", "--days", "2", *call.runs)
    assert result.exit_code == 1
    assert "2 are to be played; none is left" in result.output
