import dataclasses
import datetime
import math

import numpy as np
import pyarrow as pa
import pytest

from schema.errors import DataError
from serving.calls import TypedCalls
from serving.requests import Only, Page, Request
from serving.rules.applying import RuledCalls
from serving.rules.settings import Rule, Selector, When, read_rules
from serving.rules.shelf import Shelf, read_shelf
from tests.shop_tables import write

LOCAL = datetime.timezone(datetime.timedelta(hours=8))
GOOD = """
[[rule]]
name = "双十一数码会场"
action = "boost"
factor = 1.5
items = {categories = ["数码"], brands = ["小米"]}
when = {festivals = ["双十一"], lead_days = 3, hours = [20, 24]}

[[rule]]
name = "夜里不推药品"
action = "drop"
items = {tags = ["处方"]}
when = {hours = [22, 6], weekdays = ["sat", "sun"], cities = ["杭州"]}
"""
ITEMS = [
    ("i0", "数码/手机", "小米", "s1", ["新品"]),
    ("i1", "数码/手机", "华为", "s1", []),
    ("i2", "数码", "小米", "s2", ["处方"]),
    ("i3", "数码配件", "小米", "s2", []),
    ("i4", None, None, None, None),
]


def _seconds(year, month, day, hour=0, minute=0):
    moment = datetime.datetime(year, month, day, hour, minute, tzinfo=LOCAL)
    return int(moment.timestamp())


def _shelf():
    columns = zip(*ITEMS, strict=True)
    names = ("item_id", "category", "brand", "shop_id", "tags")
    items = pa.table(
        {n: list(values) for n, values in zip(names, columns, strict=True)}
    )
    return Shelf(items, {"c1": ("i4", "数码/手机"), "c2": ()})


def _rules(folder, text):
    path = folder / "rules.toml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def test_a_good_file_is_read(tmp_path):
    boost, drop = _rules(tmp_path, GOOD)
    assert boost == Rule(
        name="双十一数码会场",
        action="boost",
        factor=1.5,
        items=Selector(categories=("数码",), brands=("小米",)),
        when=When(festivals=("双十一",), lead_days=3, hours=(20, 24)),
    )
    assert drop.action == "drop"
    assert drop.when.hours == (22, 6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[[rule]]", "[[rules]]", "no field 'rules'"),
        ("factor = 1.5", "factor = 11", "rule 1: factor is 11; allowed: 0.1"),
        ("factor = 1.5", "factor = 1.0", "factor is 1.0; allowed: .* but 1"),
        ("factor = 1.5", "factor = nan", "factor is nan"),
        ("factor = 1.5", "", "factor is None"),
        ('"boost"', '"push"', "action is 'push'; allowed: boost, drop, only"),
        ('action = "drop"', 'action = "drop"\nfactor = 2', "none where the"),
        ("brands", "brand", "no field 'items.brand'; allowed: item_ids"),
        ('["小米"]', "[]", "items.brands is \\[\\]; allowed: a list"),
        ('["小米"]', '"小米"', "items.brands is '小米'"),
        ('{tags = ["处方"]}', "{}", "rule 2: items is {}; allowed: one or"),
        ('"双十一"]', '"黑五"]', "when.festivals is '黑五'; allowed: 元旦"),
        ("lead_days = 3", "lead_days = 61", "lead_days is 61; allowed: 0 to"),
        ("lead_days = 3", "lead_days = -1", "lead_days is -1"),
        ('festivals = ["双十一"], ', "", "0 where there are no festivals"),
        ("[20, 24]", "[20, 20]", "when.hours is \\[20, 20\\]; allowed"),
        ("[20, 24]", "[20, 25]", "when.hours is"),
        ("[20, 24]", "[24, 3]", "when.hours is"),
        ("[20, 24]", "[20]", "when.hours is"),
        ("[20, 24]", "[true, 3]", "when.hours is"),
        ('"sat"', '"saturday"', "when.weekdays is 'saturday'; allowed: mon"),
        (
            "hours = [20, 24]",
            "first_day = 2025-11-11, last_day = 2025-11-10",
            "when.last_day is '2025-11-10'; allowed: 2025-11-11 or later",
        ),
        ("hours = [20, 24]", 'first_day = "soon"', "when.first_day is 'soon'"),
        ("夜里不推药品", "双十一数码会场", "two rules are called"),
        ('name = "夜里不推药品"', "", "rule 2: name is None"),
        ("when = {festivals", "when = {festival", "no field 'when.festival'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(DataError, match=message):
        _rules(tmp_path, GOOD.replace(old, new, 1))


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_rules(tmp_path / "rules.toml")
    with pytest.raises(DataError, match="is no TOML"):
        _rules(tmp_path, "[[rule]")
    with pytest.raises(DataError, match="has no rule"):
        _rules(tmp_path, "")


def test_moments():
    eleventh = When(festivals=("双十一",), lead_days=3, hours=(20, 24))
    assert eleventh.holds(_seconds(2025, 11, 8, 20))
    assert eleventh.holds(_seconds(2025, 11, 11, 23, 59))
    assert not eleventh.holds(_seconds(2025, 11, 8, 19, 59))
    assert not eleventh.holds(_seconds(2025, 11, 7, 23))
    assert not eleventh.holds(_seconds(2025, 11, 12, 21))
    # 2026-02-17 by the lunar calendar.
    spring = When(festivals=("春节",), lead_days=7)
    assert spring.holds(_seconds(2026, 2, 10))
    assert not spring.holds(_seconds(2026, 2, 9, 23, 59))
    night = When(hours=(22, 6))
    hours = [night.holds(_seconds(2025, 3, 3, hour)) for hour in range(24)]
    assert np.flatnonzero(hours).tolist() == [0, 1, 2, 3, 4, 5, 22, 23]
    # 2025-11-08 is a Saturday.
    weekend = When(weekdays=("sat", "sun"))
    days = [weekend.holds(_seconds(2025, 11, day)) for day in range(3, 10)]
    assert days == [False] * 5 + [True] * 2
    between = When(
        first_day=datetime.date(2025, 11, 3),
        last_day=datetime.date(2025, 11, 4),
    )
    days = [between.holds(_seconds(2025, 11, day)) for day in range(2, 6)]
    assert days == [False, True, True, False]
    place = When(cities=("杭州",), devices=("ios",), scenes=("home", ""))
    assert place.holds(0, city="杭州", device="ios", scene="home")
    assert not place.holds(0, city="杭州", device="web", scene="home")
    assert not place.holds(0, device="ios", scene="home")


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        (Selector(categories=("数码",)), ["i0", "i1", "i2"]),
        (Selector(categories=("数码/手机",)), ["i0", "i1"]),
        (Selector(categories=("数码",), brands=("小米",)), ["i0", "i2"]),
        (Selector(brands=("小米", "华为")), ["i0", "i1", "i2", "i3"]),
        (Selector(shops=("s2",)), ["i2", "i3"]),
        (Selector(tags=("处方", "新品")), ["i0", "i2"]),
        (Selector(campaigns=("c1",)), ["i0", "i1", "i4"]),
        (Selector(campaigns=("c2",)), []),
        (Selector(item_ids=("i3", "gone")), ["i3"]),
    ],
)
def test_items(selector, fits):
    shelf = _shelf()
    assert shelf.item_ids[shelf.fitting(selector)].tolist() == fits


def test_tables_are_read_with_scopes(tmp_path):
    write(
        tmp_path,
        items=[{"item_id": "i0", "title": "旧"}, {"item_id": "i1"}],
        campaigns=[{"campaign_id": "c1", "title": "券", "scope": ["i1"]}],
    )
    shelf = read_shelf(tmp_path)
    fits = shelf.fitting(Selector(campaigns=("c1",)))
    assert shelf.item_ids[fits].tolist() == ["i1"]
    with pytest.raises(DataError, match="campaign 'c9', and there is none"):
        shelf.fitting(Selector(campaigns=("c9",)))
    with pytest.raises(DataError, match="cannot be read"):
        read_shelf(tmp_path / "gone")


class _Model(TypedCalls):
    """Answers i0 to i4 with falling scores, as a servable is asked."""

    def _ask(self, signature, inputs, slots=None):
        self.asked = inputs
        only = {*inputs["only_item_ids"][0]} - {""}
        dropped = {*inputs["exclude_item_ids"][0]}
        ids = [name for name, *_ in ITEMS if name not in dropped]
        ids = [name for name in ids if not only or name in only]
        width = int(inputs["k"][0])
        ids = (ids + [""] * width)[:width]
        scores = [-0.1 * n for n in range(width)]
        return {
            "item_ids": np.array([[one.encode() for one in ids]], object),
            "scores": np.array([scores], np.float32),
        }


def _boost(factor, **items):
    return Rule(
        name=f"x{factor}",
        action="boost",
        factor=factor,
        items=Selector(**items),
    )


def _ids(answer):
    return [name.decode() for name in answer["item_ids"][0]]


def test_a_boost_lifts_by_the_logarithm():
    # i3 stands .3 behind i0: a factor of 1.3 is not enough, one of 1.4 is.
    for factor, first in ((1.3, "i0"), (1.4, "i3")):
        ruled = RuledCalls(
            _Model(), [_boost(factor, item_ids=["i3"])], _shelf()
        )
        answer = ruled.recommend(Request(timestamp=1), 2)
        assert _ids(answer)[0] == first
        assert len(_ids(answer)) == 2
        place = _ids(answer).index("i3")
        assert answer["scores"][0][place] == pytest.approx(
            -0.3 + math.log(factor), abs=1e-6
        )


def test_boosts_multiply_and_sink_too():
    rules = [
        _boost(2.0, categories=["数码"]),
        _boost(0.5, item_ids=["i0"]),
        _boost(0.2, item_ids=["i1"]),
    ]
    ruled = RuledCalls(_Model(), rules, _shelf())
    answer = ruled.search(Request(query="手机", timestamp=1), 5)
    # i2 gains log 2, i0 nothing, i3 and i4 nothing, i1 loses log 2.5.
    assert _ids(answer) == ["i2", "i0", "i3", "i4", "i1"]
    assert answer["scores"][0][0] == pytest.approx(-0.2 + math.log(2))


def test_filters_go_into_the_call():
    drop = Rule(name="d", action="drop", items=Selector(tags=("处方",)))
    some = Rule(name="o", action="only", items=Selector(brands=("小米",)))
    model = _Model()
    ruled = RuledCalls(model, [drop, some], _shelf())
    answer = ruled.recommend(Request(timestamp=1), 3)
    assert _ids(answer) == ["i0", "i3", ""]
    # Without a boost no more is asked for than is shown.
    assert model.asked["k"].tolist() == [3]
    own = ruled.recommend(Request(timestamp=1), 3, Only(item_ids=["i3", "i1"]))
    assert _ids(own) == ["i3", "", ""]
    # Nothing fits both: nothing comes back, rather than everything.
    none = ruled.recommend(Request(timestamp=1), 3, Only(item_ids=["i1"]))
    assert _ids(none) == ["", "", ""]


def test_a_rule_that_does_not_hold_changes_nothing():
    rule = dataclasses.replace(
        _boost(9.0, item_ids=["i4"]), when=When(scenes=("search",))
    )
    model = _Model()
    ruled = RuledCalls(model, [rule], _shelf())
    assert _ids(ruled.recommend(Request(timestamp=1, scene="home"), 5)) == [
        name for name, *_ in ITEMS
    ]
    assert model.asked["k"].tolist() == [5]
    assert ruled.plan(Request(timestamp=1, scene="home")).rules == ()
    there = ruled.recommend(Request(timestamp=1, scene="search"), 5)
    assert _ids(there)[0] == "i4"


def test_a_page_with_caps_and_a_boost_exclude_each_other():
    ruled = RuledCalls(_Model(), [_boost(2.0, item_ids=["i3"])], _shelf())
    with pytest.raises(DataError, match=r"x2\.0 boost items"):
        ruled.recommend(Request(timestamp=1), 2, page=Page(max_per_brand=1))
    answer = ruled.recommend(Request(timestamp=1), 2, page=Page(explain=True))
    assert _ids(answer) == ["i3", "i0"]
