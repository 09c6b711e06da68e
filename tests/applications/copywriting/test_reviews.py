import zipfile

import pytest

from applications.copywriting.checking import check
from applications.copywriting.copywriter import Copywriter
from applications.copywriting.facts import item_facts
from applications.copywriting.reviews import (
    OF_ITEM,
    OF_KIND,
    Reviews,
    Said,
    most_central,
    read_reviews,
)
from applications.items import Item
from schema.errors import DataError

MOUSE = Item(
    item_id="i1",
    title="罗技 无线鼠标 静音",
    brand="罗技",
    category="电脑/外设/鼠标",
    tags=("静音",),
)
PEN = Item(item_id="i2", title="钢笔", category="图书/文具/书写笔")
COMMON = "手感舒服反应很灵敏"


def rows(*texts, key="i1"):
    return [(key, text) for text in texts]


def test_the_sentence_that_most_agree_with_is_taken():
    said = [COMMON, "手感舒服按键很灵敏", "快递小哥送得特别快"]
    assert most_central(said) in said[:2]
    assert most_central([]) == ""


def test_reviews_of_the_item_come_before_those_of_its_kind():
    kind = rows("鼠标用着顺手大家喜欢", key="鼠标")
    assert Reviews(kind).about(MOUSE) == Said("鼠标用着顺手大家喜欢", OF_KIND)
    both = Reviews(kind + rows(COMMON))
    assert both.about(MOUSE) == Said(COMMON, OF_ITEM)
    assert both.about(PEN) is None
    # A case for phones is no phone.
    case = Item(item_id="i3", category="数码/手机配件/手机壳")
    assert Reviews(rows("电池待机时间特别长", key="手机")).about(case) is None


@pytest.mark.parametrize(
    "text",
    [
        "手感一般般，用久了不舒服",
        "全网最好用的一款鼠标了",
        "用了3个月手感还是很舒服",
        "好",
        "call me at 123456",
    ],
)
def test_some_sentences_are_never_quoted(text):
    assert Reviews(rows(text)).about(MOUSE) is None


def test_a_kind_is_not_told_what_was_said_of_one_product():
    said = rows("雷蛇的手感舒服得很呢", key="鼠标")
    assert Reviews(said).about(MOUSE) is not None
    assert Reviews(said, names=["雷蛇"]).about(MOUSE) is None


def test_medicine_gets_no_testimony():
    pills = Item(item_id="i1", category="健康/营养/钙片")
    assert Reviews(rows(COMMON)).about(pills) is None


def test_a_description_quotes_it_and_passes():
    copywriter = Copywriter(reviews=Reviews(rows(COMMON)))
    text = copywriter.describe(MOUSE)
    assert f"有顾客说：「{COMMON}」" in text.text
    # Without the reviews it would be a claim out of nowhere.
    assert check(text.text, item_facts(MOUSE))
    assert "顾客" not in copywriter.describe(PEN).text


def test_files_are_read_with_their_labels(tmp_path):
    lines = (
        "﻿cat,label,review\n鼠标,1,手感舒服反应很灵敏\n鼠标,0,按键松动让人失望\n"
    )
    plain = tmp_path / "reviews.csv"
    plain.write_text(lines, encoding="utf-8")
    packed = tmp_path / "reviews.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(plain, "reviews.csv")
    for path in (plain, packed):
        assert read_reviews(path).about(MOUSE) == Said(COMMON, OF_KIND)
    rated = tmp_path / "rated.csv"
    rated.write_text(
        "item_id,rating,text\ni1,3,按键声音清脆好听\ni1,5,手感舒服反应很灵敏\n",
        encoding="utf-8",
    )
    assert read_reviews(rated).about(MOUSE) == Said(COMMON, OF_ITEM)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"x,review\n", "needed: one of item_id, category, cat"),
        ("a.csv", b"cat,x\n", "needed: one of review, text, comment"),
        ("a.csv", b"", "has the columns none"),
        ("a.csv", b"\xff\xfe", "cannot be read"),
        ("a.zip", b"no zip", "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_reviews(path)
