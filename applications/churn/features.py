"""What is known of a user at an as-of time, as one row of numbers.

Everything is computed from `log.before(as_of)`: no later event can change a
feature. Only the profile (gender, level …) is as it was exported; a shop
whose membership levels follow from orders should export them as of then.
"""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from applications.churn.cuts import active_users
from applications.churn.settings import DAY, ChurnSettings
from applications.churn.words import FEATURES
from applications.shop_log import ShopLog
from components.behavior_log.histories import user_histories
from components.behavior_log.steps import Steps
from models.local_time import (
    LOCAL_OFFSET_SECONDS,
    local_hour,
    local_weekday,
)

_WEEK = 7 * DAY
_DEEP = ("cart", "buy")
_PROFILE = ("gender", "age_band", "level", "city", "device")


@dataclasses.dataclass(frozen=True)
class Table:
    """Users at as-of times, a row each.

    Attributes:
      users: Their ids, [rows].
      columns: By feature: float64 [rows], NaN unknown, or object [rows] of
        names, `""` unknown.
      lost: bool [rows]; None where the future is not known.
      last_active: int64 [rows], Unix seconds of the last event.
      value: float64 [rows], CNY spent before the as-of time.
    """

    users: np.ndarray
    columns: dict[str, np.ndarray]
    lost: np.ndarray | None
    last_active: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.users)


def table_at(log: ShopLog, as_of: int, settings: ChurnSettings) -> Table:
    """Computes the features of the users who were active before a time.

    Args:
      log: May reach beyond `as_of`, which changes nothing.
      as_of: Unix seconds.
      settings: The look-back window.
    """
    past = log.before(as_of)
    active = active_users(past, as_of, settings)
    last = np.searchsorted(past.events.user, active, side="right") - 1
    columns = {
        name: values[active]
        for name, values in _columns(past, as_of, settings).items()
    }
    return Table(
        users=np.asarray(past.events.users.take(pa.array(active)), object),
        columns={feature.name: columns[feature.name] for feature in FEATURES},
        lost=None,
        last_active=past.events.timestamp[last],
        value=columns["spend_total"],
    )


def stack(tables: list[Table]) -> Table:
    """Puts tables of several as-of times below each other."""
    labels = [table.lost for table in tables if table.lost is not None]
    return Table(
        users=np.concatenate([table.users for table in tables]),
        columns={
            name: np.concatenate([table.columns[name] for table in tables])
            for name in tables[0].columns
        },
        lost=np.concatenate(labels) if len(labels) == len(tables) else None,
        last_active=np.concatenate([table.last_active for table in tables]),
        value=np.concatenate([table.value for table in tables]),
    )


def _columns(past: ShopLog, as_of: int, settings: ChurnSettings) -> dict:
    """Returns each feature of all users of the past."""
    visits = _Visits(past, as_of)
    recent = past.events.timestamp >= as_of - settings.look_back
    return (
        _rhythm(past, visits, as_of, settings)
        | _habit_of_coming(past, visits, as_of, settings)
        | _depth(past, visits, recent)
        | _spending(past, as_of, recent)
        | _breadth(past, recent)
        | _habits(visits)
        | _profile(past, as_of)
    )


class _Visits:
    """When users came, as parallel arrays [visits] in order of user and time.

    Attributes:
      user: Row of the user.
      begin: Unix seconds of the first event.
      end: Of the last.
      age: Days from the begin to the as-of time.
      is_deep: Whether something was put into the cart or bought.
    """

    def __init__(self, past: ShopLog, as_of: int):
        events = past.events
        self.num_users = past.num_users
        visit, first = np.unique(past.visit, return_index=True)
        self.user = events.user[first]
        self.begin = events.timestamp[first]
        self.end = np.zeros(len(visit), np.int64)
        np.maximum.at(self.end, past.visit, events.timestamp)
        self.age = (as_of - self.begin) / DAY
        self.is_deep = self.per_visit(past, past.is_type(*_DEEP)) > 0
        # The gap before each visit, in days; NaN before a user's first.
        self.gap = np.full(len(visit), np.nan)
        same = self.user[1:] == self.user[:-1]
        self.gap[1:] = np.where(same, np.diff(self.begin) / DAY, np.nan)

    @staticmethod
    def per_visit(past: ShopLog, chosen: np.ndarray) -> np.ndarray:
        """Counts chosen events in each visit."""
        count = int(past.visit.max(initial=-1)) + 1
        return np.bincount(past.visit[chosen], minlength=count)

    def count(self, chosen: np.ndarray) -> np.ndarray:
        """Counts chosen visits of each user."""
        return np.bincount(self.user[chosen], minlength=self.num_users)

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Averages what is known over the visits of each user."""
        known = ~np.isnan(values)
        total = np.bincount(
            self.user[known], values[known], minlength=self.num_users
        )
        return _ratio(total, self.count(known))


def _ratio(part, whole):
    """Divides; NaN where the whole is 0."""
    part, whole = np.asarray(part, float), np.asarray(whole, float)
    return np.divide(
        part, whole, out=np.full(len(part), np.nan), where=whole > 0
    )


def _rhythm(past, visits, as_of, settings):
    days = settings.look_back / DAY
    last = np.searchsorted(past.events.user, np.arange(past.num_users), "right")
    recency = (as_of - past.events.timestamp[last - 1]) / DAY
    first = np.searchsorted(past.events.user, np.arange(past.num_users))
    tenure = (as_of - past.events.timestamp[first]) / DAY
    gap = visits.mean(visits.gap)
    spread = np.sqrt(visits.mean((visits.gap - gap[visits.user]) ** 2))
    few = visits.count(~np.isnan(visits.gap)) < 2
    half = visits.count(visits.age < days / 2)
    before = visits.count((visits.age >= days / 2) & (visits.age < days))
    week = visits.count(visits.age < 7)
    week_before = visits.count((visits.age >= 7) & (visits.age < 14))
    too_short = as_of - past.begin < 2 * _WEEK
    day = (past.events.timestamp + LOCAL_OFFSET_SECONDS) // DAY
    recent = past.events.timestamp >= as_of - settings.look_back
    _, one = np.unique(
        past.events.user[recent] * (day.max(initial=0) + 1) + day[recent],
        return_index=True,
    )
    return {
        "recency_days": recency,
        "recency_over_gap": recency / np.maximum(gap, 1 / 24),
        "visits": visits.count(visits.age < days).astype(float),
        "visits_half": half.astype(float),
        "active_days": np.bincount(
            past.events.user[recent][one], minlength=past.num_users
        ).astype(float),
        "visits_a_week": visits.count(visits.age >= 0)
        / np.maximum(tenure, 7.0)
        * 7,
        "gap_mean": gap,
        "gap_sd": np.where(few, np.nan, spread),
        "trend": (half + 0.5) / (before + 0.5),
        "trend_week": np.full(past.num_users, np.nan)
        if too_short
        else (week + 0.5) / (week_before + 0.5),
    }


def _habit_of_coming(past, visits, as_of, settings):
    """Chance to stay away if everybody came at random at a rate of their own.

    Rates are gamma distributed over users, so a user who was seen n times in
    e days comes k times in the next d with a negative binomial chance, that
    of none being ((a + e) / (a + e + d)) ** (r + n) (Ehrenberg 1959, "The
    pattern of consumer purchases"). Mean and variance of the counts give r
    and a.
    """
    registered = past.profiles["registered_at"].to_numpy()
    first = np.searchsorted(past.events.user, np.arange(past.num_users))
    seen = past.events.timestamp[first]
    # Who was registered might have come from the log's first second on.
    known = (registered > 0) & (registered <= seen)
    since = np.where(known, np.maximum(registered, past.begin), seen)
    exposure = (as_of - since) / DAY
    counts = visits.count(visits.age >= 0) - ~known
    rate = counts.sum() / max(exposure.sum(), 1.0)
    spread = np.mean((counts - rate * exposure) ** 2 - counts)
    spread /= max(np.mean(exposure**2), 1.0)
    # Alike users have no spread; then all have the common rate.
    spread = max(spread, 1e-3 * rate**2, 1e-12)
    shape, days = rate**2 / spread, rate / spread
    staying = (days + exposure) / (days + exposure + settings.days)
    last = np.searchsorted(past.events.user, np.arange(past.num_users), "right")
    recency = (as_of - past.events.timestamp[last - 1]) / DAY
    return {
        "expected_absence": staying ** (shape + counts),
        "missed_visits": recency * (shape + counts) / (days + exposure),
    }


def _depth(past, visits, recent):
    users = past.events.user

    def count(*types):
        chosen = recent & past.is_type(*types)
        return np.bincount(users[chosen], minlength=past.num_users)

    shown, clicked = count("impression"), count("view", "click")
    acted = ~past.is_type("impression")
    per_visit = visits.per_visit(past, acted).astype(float)
    last = np.searchsorted(visits.user, np.arange(past.num_users), "right") - 1
    return {
        "actions_a_visit": visits.mean(per_visit),
        "visit_minutes": visits.mean((visits.end - visits.begin) / 60),
        "click_rate": _ratio(count("click"), shown),
        "cart_rate": _ratio(count("cart"), clicked),
        "buy_rate": _ratio(count("buy"), clicked),
        "favorites": count("favorite").astype(float),
        "orders": count("buy").astype(float),
        "last_visit_deep": visits.is_deep[last].astype(float),
    }


def _spending(past, as_of, recent):
    bought = past.is_type("buy")
    paid = np.nan_to_num(past.price) * past.quantity
    users = past.events.user

    def total(chosen):
        return np.bincount(
            users[chosen], paid[chosen], minlength=past.num_users
        )

    latest = np.zeros(past.num_users, np.int64)
    np.maximum.at(latest, users[bought], past.events.timestamp[bought])
    return {
        "buy_recency": np.where(latest, (as_of - latest) / DAY, np.nan),
        "spend": total(bought & recent),
        "spend_total": total(bought),
    }


def _breadth(past, recent):
    """How many categories, how much of one, and what leads to items."""
    events, number = past.events, past.num_users
    acted = recent & ~past.is_type("impression")
    paths = past.items["category"].combine_chunks().dictionary_encode()
    code = np.asarray(paths.indices)
    no_path = np.asarray(pc.equal(past.items["category"], ""))
    on_item = acted & (events.item >= 0)
    on_item[on_item] = ~no_path[events.item[on_item]]
    pairs = events.user[on_item] * len(past.items) + code[events.item[on_item]]
    pair, times = np.unique(pairs, return_counts=True)
    of_user = pair // max(len(past.items), 1)
    most = np.zeros(number)
    np.maximum.at(most, of_user, times)
    total = np.bincount(events.user[on_item], minlength=number)
    actions = np.bincount(events.user[acted], minlength=number)

    def share(*types):
        chosen = acted & past.is_type(*types)
        return _ratio(
            np.bincount(events.user[chosen], minlength=number), actions
        )

    return {
        "categories": np.bincount(of_user, minlength=number).astype(float),
        "top_category_share": _ratio(most, total),
        "search_share": share("search"),
        "campaign_share": share("campaign_view", "campaign_join"),
    }


def _habits(visits):
    hour, weekday = local_hour(visits.begin), local_weekday(visits.begin)
    return {
        "weekend_share": visits.mean((weekday >= 5).astype(float)),
        "evening_share": visits.mean((hour >= 18).astype(float)),
        "daytime_share": visits.mean(((hour >= 9) & (hour < 18)).astype(float)),
    }


def _profile(past, as_of):
    registered = past.profiles["registered_at"].to_numpy()
    known = (registered > 0) & (registered <= as_of)
    # City and device as last seen, which `user_histories` knows.
    state = user_histories(
        Steps.of(past.events),
        past.profiles,
        past.items["item_id"].combine_chunks(),
        1,
    )
    return {
        "registered_days": np.where(known, (as_of - registered) / DAY, np.nan)
    } | {
        name: np.asarray(state[name].combine_chunks(), object)
        for name in _PROFILE
    }
