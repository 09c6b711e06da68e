"""`daogou explain` on a run of three items; the model alone is made up."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.main import main
from serving.requests import Page
from tests.cli import tiny_run

ITEMS = (
    ("i1", "罗技 无线鼠标 静音", "罗技", "电脑/外设/鼠标", 99.0, ["静音"]),
    ("i2", "樱桃 机械键盘 红轴", "樱桃", "电脑/外设/键盘", 399.0, ["红轴"]),
    ("i3", "雷蛇 鼠标 电竞", "雷蛇", "电脑/外设/鼠标", 299.0, ["电竞"]),
)


class Recommender:
    """Answers by the contract: i1 for the mouse that the user bought."""

    def __init__(self, servable_dir, *, one_call):
        assert one_call

    def recommend(self, request, k, exclude, only, page):
        assert page == Page(explain=True)
        rows = [
            (b"i1", 0.9, b"history", b"i3"),
            (b"i2", 0.8, b"popular", b""),
            (b"i3", 0.7, b"history", b"i3"),
        ]
        if only.item_ids:
            rows = [r for r in rows if r[0].decode() in only.item_ids]
        if not request.history_item_ids:
            rows = [(r[0], r[1], b"general", b"") for r in rows]
        ids, scores, reasons, evidence = (
            np.array([column]) for column in zip(*rows[:k], strict=True)
        )
        return {
            "item_ids": ids,
            "scores": scores,
            "reasons": reasons,
            "evidence": evidence,
        }


@pytest.fixture
def call(tmp_path, monkeypatch):
    tiny_run.write_run(tmp_path, ITEMS, [("i3", "click"), ("i3", "buy")])
    campaigns = tmp_path / "demo" / "data" / "campaigns"
    campaigns.mkdir(parents=True)
    pq.write_table(
        pa.table(
            {
                "campaign_id": ["c1"],
                "title": ["限时秒杀·外设专场"],
                "description": ["外设今日秒杀，售完即止"],
                "kind": ["flash_sale"],
                "starts_at": [1_762_617_600],
                "ends_at": [1_762_704_000],
                "discount": pa.array([0.27], pa.float32()),
                "scope": [["i1", "i2"]],
            }
        ),
        campaigns / "part-0.parquet",
    )
    tiny_run.stand_in(monkeypatch, Recommender)

    def invoke(*words):
        return CliRunner().invoke(
            main, ["explain", *words, "--runs", str(tmp_path)]
        )

    return invoke


def test_reasons_of_a_user_name_what_the_user_did(call):
    result = call("--user", "u1", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    first, second, third = document["texts"]
    assert (first["id"], first["reason"]) == ("i1", "history")
    assert first["evidence"] == "i3"
    # What was done deepest, and the item's short name.
    assert "购买过「雷蛇鼠标」" in first["text"]
    assert second["reason"] == "popular"
    assert third["reason"] == "again"
    assert document["counts"] == {"template": 3}


def test_a_newcomer_and_one_item(call):
    result = call("--user", "nobody", "--item", "i2", "--json")
    [text] = json.loads(result.stdout)["texts"]
    assert (text["id"], text["reason"]) == ("i2", "general")
    assert "樱桃机械键盘" in text["text"]


def test_a_description_and_another_seed(call):
    shown = call("--item", "i1")
    assert shown.exit_code == 0, shown.stderr
    assert "静音" in shown.stdout
    texts = {
        json.loads(call("--item", "i1", "--seed", str(n), "--json").stdout)[
            "texts"
        ][0]["text"]
        for n in range(3)
    }
    assert len(texts) > 1


def test_the_copy_of_a_campaign(call):
    result = call("--campaign", "c1", "--json")
    [text] = json.loads(result.stdout)["texts"]
    assert "限时秒杀·外设专场" in text["text"]
    assert text["source"] == "template"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give --user, --item or --campaign"),
        (("--campaign", "c1", "--item", "i1"), "--campaign goes without"),
        (("--item", "i9"), "the item table has no item 'i9'"),
        (("--campaign", "c9"), "there is no campaign 'c9'; there: c1"),
        (("--item", "i1", "--llm", "http://x/v1"), "--llm needs --llm-model"),
        (("--item", "i1", "--llm-model", "m"), "need --llm URL"),
        (
            ("--item", "i1", "--llm", "x", "--llm-model", "m"),
            "base_url is 'x'; allowed: http",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, words, message):
    result = call(*words)
    assert result.exit_code == 1
    assert message in result.stderr


def test_without_a_language_model_there_the_template_is_shown(call):
    result = call(
        "--item", "i1", "--llm", "http://127.0.0.1:1/v1", "--llm-model", "m"
    )
    assert result.exit_code == 0, result.stderr
    assert "静音" in result.stdout
    assert "calls to the language model that failed: 1" in result.stdout
