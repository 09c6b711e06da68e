"""`daogou assist` on a run of a few items; the model alone is made up."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from applications.items import read_items
from benchmarks.assistant import KeywordShop
from cli.main import main
from tests.cli import tiny_run

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
    tiny_run.write_run(tmp_path, ITEMS, [("i1", "buy"), ("i3", "buy")])
    tiny_run.stand_in(monkeypatch, Recommender)

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
