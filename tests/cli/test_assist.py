"""`daogou assist` on a run of a few items; the model alone is made up."""

import json
import sys
import types

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from applications.items import read_items
from benchmarks.assistant import KeywordShop
from cli.main import main
from tests import small_shop

CONTEXT = ("scene", "city", "device", "gender", "age_band", "level")
ITEMS = (
    ("i1", "罗技 无线鼠标 静音", "罗技", "电脑/外设/鼠标", 99.0, ["静音"]),
    ("i2", "雷蛇 鼠标 电竞", "雷蛇", "电脑/外设/鼠标", 399.0, ["电竞"]),
    ("i3", "樱桃 机械键盘 红轴", "樱桃", "电脑/外设/键盘", 399.0, ["红轴"]),
)


class Recommender:
    """Searches by keywords, and answers by the contract."""

    def __init__(self, servable_dir, *, one_call):
        assert one_call
        self._shop = KeywordShop(read_items(servable_dir.parent / "items"))

    def search(self, request, k, exclude, only):
        found = self._shop.search(request, k, only)
        return {
            "item_ids": np.array([[f.item_id.encode() for f in found]]),
            "scores": np.array([[f.score for f in found]]),
        }


@pytest.fixture
def call(tmp_path, monkeypatch):
    run = tmp_path / "demo" / "latest"
    (run / "model").mkdir(parents=True)
    rows = [
        {
            "item_id": [item_id],
            "title": [title],
            "brand": [brand],
            "category": [category],
            "price": [price],
            "tags": tags,
        }
        for item_id, title, brand, category, price, tags in ITEMS
    ]
    small_shop.write_examples(run / "items", "all", rows)
    histories = pa.table(
        {
            "user_id": ["u1"],
            "history_item_ids": [["i1", "i3"]],
            "history_event_types": [["buy", "buy"]],
            "history_timestamps": [[1_700_000_000, 1_700_000_001]],
            "history_queries": [["", ""]],
            "last_timestamp": [1_700_000_001],
            **{name: ["x"] for name in CONTEXT},
        }
    )
    pq.write_table(histories, run / "histories.parquet")
    report = {
        "servable": {"path": "model", "version": "4"},
        "histories": {"path": "histories.parquet"},
        "catalogue": {"path": "items"},
    }
    (run / "report.json").write_text(json.dumps(report))
    monkeypatch.setitem(
        sys.modules,
        "serving.in_process",
        types.SimpleNamespace(Recommender=Recommender),
    )

    def invoke(*words):
        return CliRunner().invoke(
            main, ["assist", *words, "--runs", str(tmp_path)]
        )

    return invoke


def test_items_and_an_answer(call):
    result = call("三百以内的鼠标有推荐吗", "--user", "u1")
    assert result.exit_code == 0, result.stderr
    assert "find" in result.stdout
    assert "罗技无线鼠标：静音，99元" in result.stdout
    assert "雷蛇" not in result.stdout


def test_json_carries_the_table_of_a_comparison(call):
    result = call("罗技和雷蛇的鼠标哪个好", "--json")
    document = json.loads(result.stdout)
    assert document["intent"] == "compare"
    assert [item["item_id"] for item in document["items"]] == ["i1", "i2"]
    assert ["价格", "99元", "399元"] in document["table"]
    assert "价格相差300元" in document["answer"]
    assert document["source"] == "template"


def test_policies_are_those_of_the_file(call, tmp_path):
    path = tmp_path / "policies.json"
    path.write_text('{"invoice": "发票随货寄出。"}', encoding="utf-8")
    result = call("发票在哪里开", "--policies", str(path), "--json")
    document = json.loads(result.stdout)
    assert (document["intent"], document["topic"]) == (
        "after_sales",
        "invoice",
    )
    assert document["answer"] == "您好，发票随货寄出。"
    path.write_text('{"refund": "x"}', encoding="utf-8")
    result = call("发票在哪里开", "--policies", str(path))
    assert result.exit_code == 1
    assert "has a topic 'refund'" in result.stderr


def test_an_empty_question_is_refused(call):
    result = call(" ")
    assert result.exit_code == 1
    assert "the question has 1 characters" in result.stderr
