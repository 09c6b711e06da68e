"""Rules as a file says them, checked.

```toml
[[rule]]
name = "双十一数码会场"
action = "boost"              # or "drop", "only"
factor = 1.5
items = {categories = ["数码"], brands = ["小米", "华为"]}
when = {festivals = ["双十一"], lead_days = 3, hours = [20, 24]}
```
"""

import dataclasses
import datetime
import math
import pathlib
import tomllib
import typing

from schema import festivals
from schema.errors import DataError

ACTIONS = ("boost", "drop", "only")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_DAYS = 60
LEAST_FACTOR, MOST_FACTOR = 0.1, 10.0
_LOCAL = datetime.timezone(datetime.timedelta(hours=8))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Selector:
    """Which items a rule is about: each list that is given has to fit.

    Of a list any entry will do.

    Attributes:
      item_ids: Items by id.
      categories: Paths, what is below them too.
      brands: Brands.
      shops: Who sells it.
      tags: Free words of the item.
      campaigns: Ids; items and categories of their scope.
    """

    item_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    shops: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class When:
    """At which moments and where a rule holds: all that is given has to fit.

    Times are local, UTC+8.

    Attributes:
      festivals: Names of `schema.festivals`; any of them.
      lead_days: Days before a festival that count; 0 to 60.
      trail_days: Days behind it; 0 to 60.
      weekdays: `mon` to `sun`; any of them.
      hours: First hour and the one behind the last, 0 to 24; `(22, 2)` goes
        over midnight. None for the whole day.
      first_day: None for always.
      last_day: None for no end.
      cities: Any of them.
      devices: Any of them.
      scenes: Any of them.
    """

    festivals: tuple[str, ...] = ()
    lead_days: int = 0
    trail_days: int = 0
    weekdays: tuple[str, ...] = ()
    hours: tuple[int, int] | None = None
    first_day: datetime.date | None = None
    last_day: datetime.date | None = None
    cities: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    scenes: tuple[str, ...] = ()

    def holds(
        self,
        timestamp: int,
        *,
        city: str = "",
        device: str = "",
        scene: str = "",
    ) -> bool:
        """Says whether a request is meant.

        Args:
          timestamp: Of the request, Unix seconds.
          city: "" unknown, which fits no list.
          device: As the city.
          scene: As the city.

        Raises:
          DataError: A festival's table does not reach the year.
        """
        now = datetime.datetime.fromtimestamp(timestamp, _LOCAL)
        today = now.date()
        if self.first_day is not None and today < self.first_day:
            return False
        if self.last_day is not None and today > self.last_day:
            return False
        if self.weekdays and WEEKDAYS[now.weekday()] not in self.weekdays:
            return False
        if self.hours is not None and not _within(now.hour, *self.hours):
            return False
        for value, allowed in (
            (city, self.cities),
            (device, self.devices),
            (scene, self.scenes),
        ):
            if allowed and value not in allowed:
                return False
        return not self.festivals or any(
            festivals.is_near(
                festivals.find(name),
                today,
                lead_days=self.lead_days,
                trail_days=self.trail_days,
            )
            for name in self.festivals
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    Attributes:
      name: For people; unique.
      action: `boost`, `drop` (never shown) or `only` (nothing else is shown).
      factor: Of a boost: how much more an item is worth; .1 to 10, not 1. Its
        logarithm is added to the score, which is one of chances.
      items: Which.
      when: At which moments.
    """

    name: str
    action: str
    factor: float = 1.0
    items: Selector = Selector()
    when: When = When()

    @property
    def bonus(self) -> float:
        """What a boost adds to the score."""
        return math.log(self.factor)


def _within(hour: int, first: int, behind: int) -> bool:
    if first < behind:
        return first <= hour < behind
    return hour >= first or hour < behind


def read_rules(path: pathlib.Path) -> tuple[Rule, ...]:
    """Reads a file of rules.

    Raises:
      DataError: It cannot be read, or a rule is not what it may be; the
        message names file, rule and field, the value and what is allowed.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is no TOML: {error}") from error
    reader = _Reader(str(path))
    reader.known(told, ("rule",))
    rows = told.get("rule", [])
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path} has no rule; needed: [[rule]], one or more")
    rules = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{path}: rule {number} is {row!r}, no table")
        rules.append(_rule(row, _Reader(f"{path}: rule {number}")))
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: two rules are called {name!r}")
    return tuple(rules)


class _Reader:
    """Takes values out of tables, and says what is wrong with them."""

    def __init__(self, where: str):
        self._where = where

    def fail(self, field: str, value, allowed: str) -> typing.NoReturn:
        raise DataError(
            f"{self._where}: {field} is {value!r}; allowed: {allowed}"
        )

    def known(self, row: dict, fields: tuple[str, ...], inside: str = ""):
        for name in row:
            if name not in fields:
                raise DataError(
                    f"{self._where}: there is no field {inside + name!r}; "
                    f"allowed: {', '.join(fields)}"
                )

    def texts(self, row: dict, name: str, inside: str) -> tuple[str, ...]:
        value = row.get(name, [])
        good = isinstance(value, list) and all(
            isinstance(one, str) and one for one in value
        )
        # A list that is there and empty fits nothing, which nobody wants.
        if not good or (name in row and not value):
            self.fail(inside + name, value, "a list of texts, not empty")
        return tuple(value)

    def whole(self, row: dict, name: str, inside: str) -> int:
        value = row.get(name, 0)
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or not 0 <= value <= MOST_DAYS:
            self.fail(inside + name, value, f"0 to {MOST_DAYS}")
        return value

    def table(self, row: dict, name: str) -> dict:
        value = row.get(name, {})
        if not isinstance(value, dict):
            self.fail(name, value, "a table")
        return value

    def day(self, row: dict, name: str) -> datetime.date | None:
        value = row.get(name)
        wrong = isinstance(value, datetime.datetime) or not isinstance(
            value, datetime.date
        )
        if value is not None and wrong:
            self.fail(f"when.{name}", value, "a date such as 2025-11-11")
        return value


def _rule(row: dict, reader: _Reader) -> Rule:
    reader.known(row, ("name", "action", "factor", "items", "when"))
    name = row.get("name")
    if not isinstance(name, str) or not name:
        reader.fail("name", name, "a text, not empty")
    action = row.get("action")
    if action not in ACTIONS:
        reader.fail("action", action, ", ".join(ACTIONS))
    chosen = reader.table(row, "items")
    fields = tuple(field.name for field in dataclasses.fields(Selector))
    reader.known(chosen, fields, "items.")
    if not chosen:
        reader.fail("items", chosen, f"one or more of {', '.join(fields)}")
    items = Selector(
        **{name: reader.texts(chosen, name, "items.") for name in fields}
    )
    return Rule(
        name=name,
        action=action,
        factor=_factor(row, action, reader),
        items=items,
        when=_when(reader.table(row, "when"), reader),
    )


def _factor(row, action, reader):
    factor = row.get("factor")
    if action != "boost":
        if factor is not None:
            reader.fail("factor", factor, f"none where the action is {action}")
        return 1.0
    good = isinstance(factor, int | float) and not isinstance(factor, bool)
    if (
        not good
        or not LEAST_FACTOR <= factor <= MOST_FACTOR
        or math.isclose(factor, 1.0)
    ):
        reader.fail("factor", factor, f"{LEAST_FACTOR} to {MOST_FACTOR}, but 1")
    return float(factor)


def _when(row: dict, reader: _Reader) -> When:
    lists = ("festivals", "weekdays", "cities", "devices", "scenes")
    fields = tuple(field.name for field in dataclasses.fields(When))
    reader.known(row, fields, "when.")
    told: dict[str, typing.Any] = {
        name: reader.texts(row, name, "when.") for name in lists
    }
    for name in told["weekdays"]:
        if name not in WEEKDAYS:
            reader.fail("when.weekdays", name, ", ".join(WEEKDAYS))
    for name in told["festivals"]:
        try:
            festivals.find(name)
        except DataError as error:
            reader.fail(
                "when.festivals", name, str(error).split("allowed: ")[1]
            )
    days = {
        name: reader.whole(row, name, "when.")
        for name in ("lead_days", "trail_days")
    }
    for name, value in days.items():
        if value and not told["festivals"]:
            reader.fail(f"when.{name}", value, "0 where there are no festivals")
    first, last = reader.day(row, "first_day"), reader.day(row, "last_day")
    if first is not None and last is not None and last < first:
        reader.fail("when.last_day", last.isoformat(), f"{first} or later")
    return When(
        **(told | days),
        hours=_hours(row.get("hours"), reader),
        first_day=first,
        last_day=last,
    )


def _hours(value, reader):
    if value is None:
        return None
    good = (
        isinstance(value, list)
        and len(value) == 2
        and all(type(one) is int and 0 <= one <= 24 for one in value)
    )
    # From 24 on there is no hour, and to 0 none as well.
    if not good or value[0] == value[1] or value[0] == 24 or value[1] == 0:
        reader.fail(
            "when.hours",
            value,
            "two hours, 0 to 24, the second behind the last one, as in "
            "[20, 24]; not the same twice",
        )
    return value[0], value[1]
