"""The festivals that Chinese shops live by, by date.

Shopping festivals have dates of their own; traditional ones follow the lunar
calendar, whose days stand in a table for 2015 to 2035. They follow from
GB/T 33661-2017 (compilation and promulgation of the Chinese calendar); a test
computes the new moon of each in Beijing time and counts the days from there.
"""

import dataclasses
import datetime

from schema.errors import DataError

FIRST_YEAR, LAST_YEAR = 2015, 2035

# Of each year from FIRST_YEAR on: (month, day).
_SPRING_FESTIVAL = (
    (2, 19), (2, 8), (1, 28), (2, 16), (2, 5), (1, 25), (2, 12), (2, 1),
    (1, 22), (2, 10), (1, 29), (2, 17), (2, 6), (1, 26), (2, 13), (2, 3),
    (1, 23), (2, 11), (1, 31), (2, 19), (2, 8),
)  # fmt: skip
_DRAGON_BOAT = (
    (6, 20), (6, 9), (5, 30), (6, 18), (6, 7), (6, 25), (6, 14), (6, 3),
    (6, 22), (6, 10), (5, 31), (6, 19), (6, 9), (5, 28), (6, 16), (6, 5),
    (6, 24), (6, 12), (6, 1), (6, 20), (6, 10),
)  # fmt: skip
_QIXI = (
    (8, 20), (8, 9), (8, 28), (8, 17), (8, 7), (8, 25), (8, 14), (8, 4),
    (8, 22), (8, 10), (8, 29), (8, 19), (8, 8), (8, 26), (8, 16), (8, 5),
    (8, 24), (8, 12), (8, 1), (8, 20), (8, 10),
)  # fmt: skip
_MID_AUTUMN = (
    (9, 27), (9, 15), (10, 4), (9, 24), (9, 13), (10, 1), (9, 21), (9, 10),
    (9, 29), (9, 17), (10, 6), (9, 25), (9, 15), (10, 3), (9, 22), (9, 12),
    (10, 1), (9, 19), (9, 8), (9, 27), (9, 16),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Festival:
    """A festival of every year.

    Attributes:
      name: What people call it.
      english: For those who do not read Chinese; names it as well.
      dates: (month, day) of its first day in each year from FIRST_YEAR on; a
        single one where it is the same every year.
      days: How many days it lasts, at least 1.
    """

    name: str
    english: str
    dates: tuple[tuple[int, int], ...]
    days: int = 1

    def begins(self, year: int) -> datetime.date:
        """Returns its first day.

        Raises:
          DataError: The table does not reach that year.
        """
        if len(self.dates) == 1:
            return datetime.date(year, *self.dates[0])
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise DataError(
                f"{self.name} follows the lunar calendar, and its table has "
                f"the years {FIRST_YEAR} to {LAST_YEAR}; asked for {year}"
            )
        return datetime.date(year, *self.dates[year - FIRST_YEAR])


FESTIVALS = (
    Festival(name="元旦", english="new_year", dates=((1, 1),)),
    Festival(
        name="春节", english="spring_festival", dates=_SPRING_FESTIVAL, days=8
    ),
    Festival(name="情人节", english="valentine", dates=((2, 14),)),
    Festival(name="女神节", english="womens_day", dates=((3, 8),)),
    Festival(name="劳动节", english="labour_day", dates=((5, 1),), days=5),
    Festival(name="端午节", english="dragon_boat", dates=_DRAGON_BOAT),
    Festival(name="618", english="618", dates=((6, 18),)),
    Festival(name="七夕", english="qixi", dates=_QIXI),
    Festival(name="中秋节", english="mid_autumn", dates=_MID_AUTUMN),
    Festival(name="国庆节", english="national_day", dates=((10, 1),), days=7),
    Festival(name="双十一", english="singles_day", dates=((11, 11),)),
    Festival(name="双十二", english="double_twelve", dates=((12, 12),)),
)


def find(name: str) -> Festival:
    """Returns a festival by either name.

    >>> find("singles_day").name
    '双十一'

    Raises:
      DataError: There is none of that name.
    """
    for festival in FESTIVALS:
        if name in (festival.name, festival.english):
            return festival
    known = ", ".join(f"{one.name} ({one.english})" for one in FESTIVALS)
    raise DataError(f"no festival is called {name!r}; allowed: {known}")


def is_near(
    festival: Festival,
    date: datetime.date,
    *,
    lead_days: int = 0,
    trail_days: int = 0,
) -> bool:
    """Says whether a date falls on a festival or into the days around it.

    >>> spring = find("春节")
    >>> is_near(spring, datetime.date(2026, 2, 10), lead_days=7)
    True
    >>> is_near(spring, datetime.date(2026, 2, 9), lead_days=7)
    False

    Args:
      festival: Which.
      date: In local time.
      lead_days: Days before its first one that count as well.
      trail_days: Days behind its last one.

    Raises:
      DataError: The festival's table does not reach the date's year.
    """
    lead = datetime.timedelta(days=lead_days)
    trail = datetime.timedelta(days=festival.days - 1 + trail_days)
    # The days around a festival may reach into another year.
    years = {(date + lead).year, (date - trail).year, date.year}
    return any(
        festival.begins(year) - lead <= date <= festival.begins(year) + trail
        for year in sorted(years)
    )
