"""`daogou bench server` as a whole, for a moment; figures mean nothing here."""

import json

import numpy as np
from click.testing import CliRunner

from benchmarks.serving import made_up
from cli.main import main
from serving.in_process import Recommender
from serving.requests import Request
from tests.slow import slow

pytestmark = slow


def test_measures_servers_beside_the_graph_alone(tmp_path):
    path = tmp_path / "server.json"
    result = CliRunner().invoke(
        main,
        [
            *("bench", "server", "--models", "line", "--clients", "3"),
            *("--seconds", "0.5", "--rounds", "1", "--processes", "2"),
            *("--json", str(path)),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "plain, 3 clients" in result.output
    found = json.loads(path.read_text())
    line = found["servables"]["line"]
    assert set(line) == {"in process", "plain", "batching", "2 processes"}
    assert line["in process"]["cpu_ms"] > 0
    for way in ("plain", "batching", "2 processes"):
        figures = line[way]["3"]
        assert figures["qps"] > 1
        assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
        assert figures["cpu_over_in_process"] > 1
    assert found["server"]["resident_mb"] > 100


def test_a_made_up_shop_answers_through_the_graph(tmp_path):
    made_up.write_shop(tmp_path / "1", 1000)
    inputs = made_up.shop_inputs(tmp_path / "1")
    assert len(inputs) == made_up.USERS
    assert inputs[0]["history_item_ids"].shape == (1, made_up.HISTORY)
    shop = Recommender(tmp_path / "1")
    clicked = Request(
        history_item_ids=["item-7"] * 3,
        history_event_types=["click"] * 3,
        history_queries=[""] * 3,
        history_timestamps=[1, 2, 3],
    )
    answer = shop.recommend(clicked, 200)
    found = set(answer["item_ids"][0])
    assert len(found) == 200
    # Its own vector is the longest way along itself.
    assert b"item-7" in found
    assert (np.diff(answer["scores"][0]) <= 0).all()
