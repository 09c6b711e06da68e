import pytest

from applications.assistant.accessories import split_kinds
from applications.assistant.amounts import Prices
from applications.assistant.folding import fold
from applications.assistant.slots import read_slots
from applications.assistant.vocabulary import Match

MICE = "电脑/外设/鼠标"


@pytest.mark.parametrize(
    ("question", "brands", "kind"),
    [
        ("罗技的鼠标", ["罗技"], (MICE,)),
        # The longest name counts, not a part of it.
        ("鼠标垫", [], ("电脑/外设/鼠标垫",)),
        # A maker, not the grain; a grain where nothing else is named.
        ("小米的手机", ["小米"], ("数码/手机/智能手机", "数码/手机/老人机")),
        ("小米", ["小米"], ("食品/粮油/五谷杂粮",)),
        # Neither a fruit nor the maker: the case fits a phone.
        ("苹果16", ["苹果"], None),
        ("买点苹果", ["苹果"], ("食品/生鲜/水果",)),
        # What is wanted stands last.
        ("配笔记本电脑用的鼠标", [], (MICE,)),
        ("羽绒服", [], ("服饰/女装/女士羽绒服", "服饰/男装/男士羽绒服")),
        ("随便看看", [], None),
    ],
)
def test_brands_and_kinds(vocabulary, question, brands, kind):
    slots = read_slots(question, vocabulary)
    assert [brand.name for brand in slots.brands] == brands
    assert (slots.kind.categories if slots.kind else None) == kind


def test_the_frame_of_a_question_is_not_searched_for(vocabulary):
    slots = read_slots("请问有没有三百以内的无线鼠标推荐一下？", vocabulary)
    assert slots.text == "的无线鼠标"
    assert slots.prices == Prices(0, 300)
    assert read_slots("有没有", vocabulary).text == "有没有"


def test_whom_it_is_for_becomes_words_of_items(vocabulary):
    assert "中老年" in read_slots("给妈妈买手机", vocabulary).whom
    assert "女" in read_slots("给妈妈买手机", vocabulary).whom
    assert read_slots("买手机", vocabulary).whom == ""


def test_attributes_are_found_as_people_shorten_them(vocabulary):
    def named(text, *categories):
        found = vocabulary.find_attributes(text, categories)
        return {(one.word, one.name) for one in found}

    tv, cup = "家电/大家电/电视", "厨具/水具/保温杯"
    assert named("75寸的电视", tv) == {("75寸", "75英寸")}
    assert named("4k电视", tv) == {("4k", "4K超高清")}
    assert named("316的", cup) == {("316", "316不锈钢")}
    assert named("不锈钢的", cup) == {
        ("不锈钢", "304不锈钢"),
        ("不锈钢", "316不锈钢"),
    }
    assert named("1t的笔记本", "电脑/整机/笔记本") == set()
    assert named("红轴", "电脑/外设/键盘") == {("红轴", "红轴")}
    assert named("红轴", MICE) == set()
    # 5500ml is not 500ml.
    assert named("5500ml", cup) == set()


def test_levels_name_all_that_is_below(vocabulary):
    [mention] = vocabulary.find_kinds("外设")
    assert mention.match is Match.LEVEL
    assert not mention.match.sure
    assert set(mention.categories) == {
        MICE,
        "电脑/外设/鼠标垫",
        "电脑/外设/键盘",
    }


def test_prices_at_a_share_of_a_category(vocabulary):
    # 59, 99, 299, 399.
    assert vocabulary.price_at([MICE], 0.5) == 199
    assert vocabulary.price_at(["no such"], 0.5) is None


@pytest.mark.parametrize(
    ("question", "owned", "wanted"),
    [
        ("买了笔记本电脑，配个什么鼠标", ["笔记本电脑"], ["鼠标"]),
        ("刚买了手机还需要配什么", ["手机"], []),
        ("我的手机要配啥", ["手机"], []),
        ("鼠标键盘之外还要什么", ["鼠标", "键盘"], []),
        ("手机膜顺便配一张", [], ["手机膜"]),
        ("配点什么好", [], []),
    ],
)
def test_what_is_owned_and_what_is_wanted(vocabulary, question, owned, wanted):
    slots = read_slots(question, vocabulary)
    sides = split_kinds(question, slots)
    assert [[m.word for m in side] for side in sides] == [owned, wanted]


def test_folding_is_that_of_the_search():
    assert fold("　２００以內 無線ＭＯＵＳＥ") == "200以内 无线mouse"
