import random

import pytest

from applications.copywriting.checking import Kind, check, neutral_words
from applications.copywriting.facts import (
    Facts,
    item_facts,
    normal,
    shared_facts,
    stated,
)
from applications.items import Item
from datasets.mall.taxonomy import load_leaves

CASE = Item(
    item_id="i1",
    title="品胜 KF-35D 手机壳 苹果16适用 液态硅胶",
    description="品胜手机壳，苹果16适用，液态硅胶。开机即用，全国联保一年。",
    category="数码/手机配件/手机壳",
    brand="品胜",
    price=35.9,
    tags=("苹果16适用", "液态硅胶"),
)
FACTS = item_facts(CASE, frozenset({"品胜", "苹果", "小米"}))


def words(text, facts=FACTS):
    return [problem.words for problem in check(text, facts)]


@pytest.mark.parametrize(
    "text",
    [
        "这款品胜手机壳，苹果16适用，液态硅胶，售价35.9元。",
        "品胜 KF-35D 手机壳 苹果16适用 液态硅胶",
        "商家说明：开机即用，全国联保一年。",
        "参考价¥35.90，详情请看商品页！",
        # Full-width digits and capitals are the same facts.
        "售价３５．９元，型号kf-35d",
        "手机配件里的这一款",
    ],
)
def test_passes_what_stands_in_the_data(text):
    assert check(text, FACTS) == []


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("这款苹果手机壳", ["苹果"]),
        ("小米手机壳", ["小米"]),
        ("售价135.9元", ["135", "9"]),
        ("售价35.99元", ["35", "99"]),
        ("售价5.9元", ["5", "9"]),
        ("苹果17适用", ["苹果17"]),
        ("全国联保三年", ["全国联保三年"]),
        ("液态硅胶，防水耐摔", ["防水耐摔"]),
        ("不是液态硅胶", ["不"]),
        ("KF-35DX 手机壳", ["kf", "35dx"]),
        ("大家都说好", ["大家都说好"]),
        ("", [""]),
        ("因为您买过「手机」", ["手机", "过"]),
    ],
)
def test_finds_what_does_not(text, claims):
    found = check(text, FACTS)
    assert [problem.words for problem in found] == claims
    assert {problem.kind for problem in found} == {Kind.UNSUPPORTED}


def test_a_number_keeps_its_comma_and_a_clause_its_own():
    facts = stated("3.6g蛋白", "12盒")
    assert words("12盒，3.6g蛋白", facts) == []
    assert words("1,12盒", facts) == ["1", "12盒"]


def test_quotes_are_whole_or_not_at_all():
    facts = FACTS | stated("浏览过", quotes=["罗技 鼠标"])
    assert words("因为您浏览过「罗技 鼠标」", facts) == []
    assert words("因为您浏览过「罗技」", facts) == ["罗技"]
    # What may be quoted may not be said.
    assert words("罗技 鼠标", facts) == ["罗技", "鼠标"]


def test_banned_words_are_found_even_where_the_data_has_them():
    boasting = Item(item_id="i2", title="顶级 手机壳", tags=("顶级",))
    found = check("这款顶级手机壳", item_facts(boasting))
    assert [(p.kind, p.words) for p in found] == [(Kind.BANNED, "顶级")]
    assert "广告法" in found[0].source


def test_no_piece_turns_a_fact_round():
    item = Item(
        item_id="i3",
        title="饼干",
        tags=("0糖0脂", "无硅油", "非油炸食品", "304不锈钢"),
    )
    facts = item_facts(item)
    for lie in ("硅油", "油炸食品", "糖", "304"):
        assert words(f"这款饼干，{lie}", facts) == [lie]
    assert words("这款饼干，无硅油，非油炸食品，不锈钢", facts) == []


def test_what_two_items_share_is_worked_out_not_believed():
    other = Item(
        item_id="i4",
        title="品胜 数据线",
        category="数码/手机配件/数据线",
        brand="品胜",
    )
    facts = item_facts(CASE) | shared_facts(CASE, other)
    assert words("这款手机壳同是品胜", facts) == []
    assert words("这款手机壳，同类", facts) == ["同类"]
    assert words("同属手机配件", facts) == []
    assert words("同属手机壳", facts) == ["同属"]
    twin = Item(item_id="i5", title="壳", category=CASE.category)
    facts = item_facts(CASE) | shared_facts(CASE, twin)
    assert words("同属手机壳", facts) == []
    assert words("同是品胜", facts) == ["同"]


def test_neutral_words_claim_nothing():
    said = {
        word
        for leaf in load_leaves()
        for group in (*leaf.specs, leaf.brands, leaf.names)
        for word in group
    }
    assert len(said) > 2000
    nothing = Facts()
    claims = [word for word in said if not check(word, nothing)]
    assert claims == []
    for word in neutral_words():
        assert not any(sign.isdigit() for sign in word)
        turned = word.removeprefix("不妨")
        assert not set(turned) & set("不无没非最"), word


def test_a_tag_of_another_item_is_always_found():
    """Property: over the mall's words, whatever item they are put into."""
    rng = random.Random(0)
    leaves = load_leaves()
    for _ in range(300):
        mine, other = rng.sample(leaves, 2)
        tags = tuple(rng.choice(group) for group in mine.specs)
        name = rng.choice(mine.names)
        brand = rng.choice(mine.brands)
        item = Item(
            item_id="i",
            title=f"{brand} {name} {' '.join(tags)}",
            category=mine.category,
            brand=brand,
            tags=tags,
        )
        foreign = rng.choice(rng.choice(other.specs))
        true = normal(foreign) in normal(item.text)
        text = f"这款{brand}{name}，{foreign}。"
        assert bool(check(text, item_facts(item))) != true, text
