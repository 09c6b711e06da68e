import dataclasses

import pytest

from benchmarks.context import (
    FACTORS,
    at_another_time,
    mall_rules,
    without_place,
)
from serving.requests import Request
from tests.shop_tables import DAY, MONDAY

REQUEST = Request(
    history_item_ids=["i0"],
    history_event_types=["click"],
    history_queries=[""],
    history_timestamps=[5],
    timestamp=MONDAY + 9 * 3600,
    city="杭州",
    device="ios",
    scene="home",
    level="3",
)


def test_what_is_taken_off_a_request():
    off = without_place(REQUEST)
    assert (off.city, off.device, off.scene) == ("", "", "")
    assert (
        dataclasses.replace(off, city="杭州", device="ios", scene="home")
        == REQUEST
    )
    later = at_another_time(REQUEST)
    # Thursday evening instead of Monday morning.
    assert later.timestamp == MONDAY + 3 * DAY + 21 * 3600
    assert dataclasses.replace(later, timestamp=REQUEST.timestamp) == REQUEST


def test_the_rules_of_the_mall():
    rules = mall_rules(["数码", "电脑"])
    assert len(rules) == len(FACTORS)
    # Of 2025-11-08 to -12, local noon.
    noon = 1_762_574_400
    for (rule,), factor in zip(rules.values(), FACTORS, strict=True):
        assert rule.factor == factor
        assert rule.items.categories == ("数码", "电脑")
        days = [rule.when.holds(noon + n * DAY) for n in range(5)]
        assert days == [False, True, True, True, False]
    assert sum(r.bonus for (r,) in rules.values()) == pytest.approx(
        1.2809, abs=1e-3
    )
