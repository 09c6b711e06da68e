"""The assistant over a shop of 22 items whose search is by keywords."""

import pyarrow as pa
import pytest

from applications.assistant.assistant import (
    BY_MODEL,
    BY_TEMPLATE,
    Assistant,
)
from applications.assistant.intents import Intent, Topic, read_examples
from applications.assistant.policies import HAND_OVER, read_policies
from applications.assistant.relations import from_columns
from applications.assistant.wording import passes
from applications.copywriting.endpoint import Endpoint, EndpointError
from benchmarks.assistant import Case, KeywordShop, run, system
from schema.errors import DataError
from serving.requests import Only, Request


def make(table, endpoint=None):
    # Phones and then what goes with them; beside it, other customers.
    users = [["i8", "i10"], ["i8", "i12"], ["i13", "i16"]] * 20
    relations = from_columns(
        pa.array(users, pa.list_(pa.string())),
        pa.array([["buy", "buy"]] * 60, pa.list_(pa.string())),
        pa.array([[0, 1]] * 60, pa.list_(pa.int64())),
        {item.item_id: item.category for item in table},
    )
    return Assistant(
        KeywordShop(table),
        table,
        relations=relations,
        policies=read_policies(),
        examples=read_examples(),
        endpoint=endpoint,
    )


@pytest.fixture(scope="module")
def assistant(table):
    return make(table)


def titles(reply):
    return [item.title for item in reply.items]


def test_it_finds_within_the_limits(assistant):
    reply = assistant.answer("三百以内的无线鼠标有推荐吗")
    assert reply.intent is Intent.FIND
    assert set(titles(reply)[:2]) == {
        "罗技 无线鼠标 静音 蓝牙双模",
        "雷柏 无线鼠标 静音",
    }
    assert all(item.price <= 300 for item in reply.items)
    assert "300元以内的鼠标" in reply.text
    assert "1. " in reply.text
    assert all(passes(line) for line in reply.lines)


def test_a_brand_and_an_attribute_are_kept_to(assistant):
    assert titles(assistant.answer("想买罗技的静音鼠标")) == [
        "罗技 无线鼠标 静音 蓝牙双模",
        "罗技 鼠标 便携",
    ]
    assert titles(assistant.answer("有没有75寸的电视"))[0].startswith("海信")
    women = assistant.answer("想给妈妈买件羽绒服")
    assert titles(women) == ["波司登 羽绒服女 短款"]


def test_what_nothing_fits_is_said_and_what_is_near_shown(assistant):
    reply = assistant.answer("有没有五十块钱以内的电视")
    assert "没有找到这个价格的电视" in reply.text
    assert len(reply.items) == 2
    # Cheap is the cheaper half of what there is.
    cheap = assistant.answer("想买台便宜的电视")
    assert titles(cheap) == ["康佳 液晶电视 55英寸"]
    assert "没有找到" not in cheap.text


def test_it_compares_two(assistant):
    reply = assistant.answer("罗技和雷蛇的鼠标哪个好")
    assert reply.intent is Intent.COMPARE
    assert [item.brand for item in reply.items[:2]] == ["罗技", "雷蛇"]
    left, right = reply.items[:2]
    apart = f"价格相差{abs(left.price - right.price):g}元"
    assert apart in reply.text
    rows = dict((row[0], row[1:]) for row in reply.table)
    assert rows["品牌"] == ("罗技", "雷蛇")
    assert rows["价格"] == (f"{left.price:g}元", f"{right.price:g}元")
    assert all(passes(line) for line in reply.lines)


@pytest.mark.parametrize(
    ("question", "each"),
    [
        ("红轴和青轴的键盘有什么区别", ("红轴", "青轴")),
        ("304不锈钢的保温杯跟316的哪个好", ("304不锈钢", "316不锈钢")),
        ("75寸还是55寸的电视", ("75英寸", "55英寸")),
        ("对比一下i5和i6", ("红轴", "青轴")),
    ],
)
def test_it_compares_attributes_and_ids(assistant, question, each):
    reply = assistant.answer(question)
    assert reply.intent is Intent.COMPARE
    for word, title in zip(each, titles(reply), strict=False):
        assert word in title


def test_what_cannot_be_compared_is_looked_for(assistant):
    reply = assistant.answer("这两款鼠标哪个好")
    assert reply.items
    assert {item.category for item in reply.items} == {"电脑/外设/鼠标"}
    assert reply.table == ()


def test_it_finds_what_goes_with_something(assistant):
    named = assistant.answer("买了苹果16手机，配个手机壳")
    assert named.intent is Intent.ACCESSORY
    assert titles(named)[0].startswith("品胜 手机壳 苹果16适用")
    opened = assistant.answer("刚买了智能手机还需要配什么")
    leaves = {item.leaf for item in opened.items}
    assert leaves >= {"手机壳", "手机膜"}
    assert "智能手机" not in leaves
    assert "有了智能手机，可以一起看看" in opened.text
    assert all(passes(line) for line in opened.lines)


def test_a_policy_is_told_word_for_word(assistant):
    reply = assistant.answer("发票在哪里开")
    assert (reply.intent, reply.topic) == (Intent.AFTER_SALES, Topic.INVOICE)
    assert reply.text == f"您好，{read_policies()[Topic.INVOICE]}"
    assert reply.items == ()
    assert HAND_OVER in assistant.answer("快递到哪里了").text


@pytest.mark.parametrize("question", ["", "  ", "鼠" * 501])
def test_bad_questions_are_refused(assistant, question):
    with pytest.raises(DataError, match="the question has"):
        assistant.answer(question)


def test_nonsense_gets_a_polite_answer(assistant):
    reply = assistant.answer("qwzx 龘龘龘")
    assert reply.text.startswith("您好")
    assert all(passes(line) for line in reply.lines)


class Rewording(Endpoint):
    """Answers as it is told, in place of HTTP (see test_endpoint)."""

    def __init__(self):
        self.change = str

    def complete(self, rules, request):
        assert "不得" in rules
        return self.change(request)


def _politer(text):
    return text.replace("您好，", "您好，感谢您的咨询，", 1)


def _swapping_prices(text):
    swapped = text.replace("99元", "X").replace("59元", "99元")
    return swapped.replace("X", "59元")


def _failing(_):
    raise EndpointError("gone")


def test_a_language_model_may_word_it_but_not_add(table, assistant):
    asked = "三百以内的无线鼠标有推荐吗"
    plain = assistant.answer(asked)
    endpoint = Rewording()
    worded = make(table, endpoint)

    endpoint.change = _politer
    better = worded.answer(asked)
    assert better.source == BY_MODEL
    assert better.lines[0].text.startswith("您好，感谢您的咨询，")
    assert better.items == plain.items

    for number, lie in enumerate(
        (
            _swapping_prices,
            lambda text: text.partition("\n")[2],
            lambda text: text + "，行业第一",
        ),
        start=1,
    ):
        endpoint.change = lie
        reply = worded.answer(asked)
        assert reply.source == BY_TEMPLATE
        assert reply.lines == plain.lines
        assert worded.counts["refused"] == number

    endpoint.change = _failing
    assert worded.answer(asked).lines == plain.lines
    assert worded.counts["failed"] == 1
    # A policy is not reworded.
    assert worded.answer("发票在哪里开").source == BY_TEMPLATE
    assert worded.counts["failed"] == 1


def test_keyword_search_keeps_to_limits(table):
    shop = KeywordShop(table)
    request = Request(query="鼠标")
    found = [f.item_id for f in shop.search(request, 10)]
    # Titles with the word, the pad among them; nothing else.
    assert set(found) == {"i0", "i1", "i2", "i3", "i4"}
    only = Only(brands=["罗技"], max_price=100)
    assert [f.item_id for f in shop.search(request, 10, only)] == ["i0"]
    only = Only(categories=["电脑/外设/鼠标垫"])
    assert [f.item_id for f in shop.search(request, 10, only)] == ["i4"]


def test_cases_are_judged_by_what_was_asked_for(assistant, table):
    mice = Case(
        question="三百以内的无线鼠标有推荐吗",
        intent=Intent.FIND,
        categories=("电脑/外设/鼠标",),
        max_price=300,
    )
    wrong = Case(
        question="有没有75寸的电视",
        intent=Intent.FIND,
        categories=("电脑/外设/鼠标",),
    )
    both = Case(
        question="红轴和青轴的键盘有什么区别",
        intent=Intent.COMPARE,
        categories=("电脑/外设/键盘",),
        each=("红轴", "青轴"),
    )
    order = Case(
        question="发票在哪里开",
        intent=Intent.AFTER_SALES,
        topics=("invoice",),
    )
    result = run([mice, wrong, both, order], assistant, table)
    told = result["all"]
    assert told["cases"] == 4
    assert told["right"] == 0.75
    assert told["intent"] == 1
    assert told["majority"] == 0.5
    assert told["unsupported"] == 0
    [missed] = result["missed"]
    assert missed["question"] == wrong.question
    figures = system(result, "daogou bench assistant").figures
    assert figures[0].values["daogou"] == 0.75


def test_the_case_of_a_category_is_a_whole_level(table):
    case = Case(question="", intent=Intent.FIND, categories=("电脑/外设/鼠",))
    assert not case.fits(list(table))
