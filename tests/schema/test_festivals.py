"""The lunar dates, against new moons that are computed here.

Mean new moon and the periodic terms of J. Meeus, Astronomical Algorithms, 2nd
edition, chapter 49; good to a few minutes without the planetary ones.
"""

import datetime
import math

import pytest

from schema.errors import DataError
from schema.festivals import FESTIVALS, FIRST_YEAR, LAST_YEAR, find, is_near

# Day of the lunar month on which each falls.
LUNAR_DAY = {"春节": 1, "端午节": 5, "七夕": 7, "中秋节": 15}
LUNAR_MONTH = {"春节": 1, "端午节": 5, "七夕": 7, "中秋节": 8}
YEARS = range(FIRST_YEAR, LAST_YEAR + 1)
# Beijing time runs ahead of UTC; terrestrial time of UTC by about 70 s.
_BEIJING = datetime.timedelta(hours=8, seconds=-70)


def _new_moon(k):
    """When the new moon of lunation k (0 in January 2000) was, UTC+8."""
    t = k / 1236.85
    day = (
        2451550.09766
        + 29.530588861 * k
        + 0.00015437 * t**2
        - 0.000000150 * t**3
    )
    e = 1 - 0.002516 * t - 0.0000074 * t**2
    sun = math.radians(2.5534 + 29.10535670 * k - 0.0000014 * t**2)
    moon = math.radians(201.5643 + 385.81693528 * k + 0.0107582 * t**2)
    node = math.radians(160.7108 + 390.67050284 * k - 0.0016118 * t**2)
    omega = math.radians(124.7746 - 1.56375588 * k + 0.0020672 * t**2)
    for factor, angle in (
        (-0.40720, moon),
        (0.17241 * e, sun),
        (0.01608, 2 * moon),
        (0.01039, 2 * node),
        (0.00739 * e, moon - sun),
        (-0.00514 * e, moon + sun),
        (0.00208 * e**2, 2 * sun),
        (-0.00111, moon - 2 * node),
        (-0.00057, moon + 2 * node),
        (0.00056 * e, 2 * moon + sun),
        (-0.00042, 3 * moon),
        (0.00042 * e, sun + 2 * node),
        (0.00038 * e, sun - 2 * node),
        (-0.00024 * e, 2 * moon - sun),
        (-0.00017, omega),
    ):
        day += factor * math.sin(angle)
    noon = datetime.datetime(2000, 1, 1, 12)
    return noon + datetime.timedelta(days=day - 2451545.0) + _BEIJING


def _new_moon_dates():
    first = int((FIRST_YEAR - 2000) * 12.3685) - 2
    last = int((LAST_YEAR + 1 - 2000) * 12.3685) + 2
    return {_new_moon(k).date() for k in range(first, last)}


def test_each_lunar_festival_is_so_many_days_behind_a_new_moon():
    moons = _new_moon_dates()
    checked = 0
    for festival in FESTIVALS:
        if len(festival.dates) == 1:
            continue
        back = datetime.timedelta(days=LUNAR_DAY[festival.name] - 1)
        for year in YEARS:
            assert festival.begins(year) - back in moons, (festival.name, year)
            checked += 1
    assert checked == 4 * len(YEARS)


def test_months_from_spring_festival_on_are_whole():
    """Between two festivals lie whole months, with a leap month or without."""
    moons = sorted(_new_moon_dates())
    for year in YEARS:
        spring = find("春节").begins(year)
        assert (1, 20) < (spring.month, spring.day) < (2, 21)
        for name, day in LUNAR_DAY.items():
            begins = find(name).begins(year)
            start = begins - datetime.timedelta(days=day - 1)
            months = moons.index(start) - moons.index(spring)
            assert months - (LUNAR_MONTH[name] - 1) in (0, 1)


@pytest.mark.parametrize(
    ("name", "date", "weekday"),
    [
        ("春节", datetime.date(2024, 2, 10), 5),
        ("春节", datetime.date(2025, 1, 29), 2),
        ("端午节", datetime.date(2023, 6, 22), 3),
        ("中秋节", datetime.date(2020, 10, 1), 3),
        ("七夕", datetime.date(2025, 8, 29), 4),
    ],
)
def test_known_days(name, date, weekday):
    assert find(name).begins(date.year) == date
    assert date.weekday() == weekday


def test_every_table_has_every_year():
    for festival in FESTIVALS:
        assert len(festival.dates) in (1, LAST_YEAR - FIRST_YEAR + 1)
        for year in YEARS:
            assert festival.begins(year).year == year


def test_the_days_around():
    new_year, spring = find("new_year"), find("春节")
    eve = datetime.date(2025, 12, 30)
    assert not is_near(new_year, eve)
    assert is_near(new_year, eve, lead_days=2)
    assert not is_near(new_year, eve, lead_days=1)
    # 2026-02-17 and the seven days that follow.
    last = datetime.date(2026, 2, 24)
    assert is_near(spring, last)
    after = datetime.date(2026, 2, 26)
    assert not is_near(spring, after, trail_days=1)
    assert is_near(spring, after, trail_days=2)
    # Around New Year from both sides.
    assert is_near(new_year, datetime.date(2026, 1, 3), trail_days=2)


def test_what_the_table_does_not_have_is_said():
    with pytest.raises(DataError, match="2015 to 2035; asked for 2036"):
        find("春节").begins(2036)
    assert find("双十一").begins(2040) == datetime.date(2040, 11, 11)
    with pytest.raises(DataError, match="singles_day"):
        find("黑五")
