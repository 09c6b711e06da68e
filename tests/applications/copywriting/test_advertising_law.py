import csv
import re

import pytest

from applications.copywriting.advertising_law import LIST, banned_words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("全网最低价", ["最"]),
        ("国家级检测，顶级面料", ["国家级", "顶级"]),
        ("销量第一，首选之作", ["第一", "首选"]),
        ("NO.1 品牌", ["NO.1"]),
        ("100%有效，万能清洁", ["100%", "万能"]),
        # Full-width forms are the same words.
        ("１００％有效", ["100%"]),
        ("Ｎｏ．１", ["No.1"]),
        ("独家秘方，根治失眠", ["独家", "根治"]),
        ("绝对好用，史无前例", ["绝对", "史无前例"]),
    ],
)
def test_finds_what_is_banned(text, found):
    assert [one.word for one in banned_words(text)] == found
    assert all("法" in one.source for one in banned_words(text))


@pytest.mark.parametrize(
    "text",
    [
        "最近上架，最后两天",
        "第一次使用前请清洗",
        "最高立减22%",
        "最佳食用期三个月",
        "100%棉",
        "首次使用前请用温水清洗",
        "吸顶灯 极简 无极调光 大顶喷",
        "一级能效 特级初榨 通过国家标准检测",
        "NO.12 TOP10",
        "万能胶",
    ],
)
def test_lets_through_what_is_no_claim(text):
    assert banned_words(text) == []


def test_what_is_allowed_hides_nothing_beside_it():
    assert [w.word for w in banned_words("最近最好")] == ["最"]
    # The price is a claim, the bound of a discount is none.
    assert [w.word for w in banned_words("最高品质")] == ["最"]


def test_a_brand_may_be_called_what_it_is_called():
    names = ["宝贝第一", "完美日记"]
    assert banned_words("宝贝第一 儿童安全座椅", names) == []
    assert [w.word for w in banned_words("宝贝第一 行业第一", names)] == [
        "第一"
    ]
    assert [w.word for w in banned_words("宝贝第一")] == ["第一"]


def test_every_row_of_the_list_is_a_pattern_with_its_source():
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert {row["kind"] for row in rows} == {"banned", "allowed"}
    for row in rows:
        re.compile(row["pattern"])
        assert row["source"]
        # A bare `|` would ban, or allow, everything.
        assert not re.search(row["pattern"], "")
