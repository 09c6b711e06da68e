import math

import pytest

from applications.churn.cuts import active_users, lost_users, rolling_cuts
from applications.churn.features import table_at
from applications.churn.settings import ChurnSettings
from schema.errors import DataError
from schema.settings import SettingsError
from tests.shop_tables import DAY, MONDAY, at, read, write

SETTINGS = ChurnSettings(days=4, look_back_days=8)
ITEMS = [
    {"item_id": "i1", "title": "鼠标", "category": "电脑/鼠标", "price": 50.0},
    {"item_id": "i2", "title": "面霜", "category": "美妆/面霜", "price": 80.0},
]
USERS = [{"user_id": "anna", "level": "3", "registered_at": at(-10)}]
# Ten rows: anna comes three times, ben once and is back, cai was only shown.
EVENTS = [
    ("anna", 0.5, "impression", "i1"),
    ("anna", 0.5, "click", "i1"),
    ("anna", 2.5, "impression", "i2"),
    ("anna", 2.5 + 60 / DAY, "search", None),
    ("anna", 6.5, "click", "i1"),
    ("anna", 6.5 + 120 / DAY, "buy", "i1"),
    ("ben", 7.0, "view", "i2"),
    ("cai", 7.5, "impression", "i1"),
    ("ben", 9.0, "view", "i2"),
    ("anna", 12.5, "click", "i1"),
]
AS_OF = at(8)


def _rows(events):
    return [
        {
            "user_id": user,
            "timestamp": at(day),
            "event_type": kind,
            "item_id": item,
            "query": "鼠标" if kind == "search" else None,
            "device": "ios",
            "quantity": 2 if kind == "buy" else None,
        }
        for user, day, kind, item in events
    ]


@pytest.fixture
def log(tmp_path):
    return read(write(tmp_path, events=_rows(EVENTS), items=ITEMS, users=USERS))


def test_who_is_asked_about_and_who_was_lost(log):
    table = table_at(log, AS_OF, SETTINGS)
    # Cai was shown something, which is no sign of life.
    assert table.users.tolist() == ["anna", "ben"]
    # Anna is back after 4.5 days, half a day too late.
    assert lost_users(log, table.users, AS_OF, SETTINGS).tolist() == [
        True,
        False,
    ]
    longer = ChurnSettings(days=4, look_back_days=8, signs_of_life=("buy",))
    assert active_users(log, AS_OF, longer).tolist() == [0]
    with pytest.raises(DataError, match=r"the log ends 0\.5 days after"):
        lost_users(log, table.users, at(12), SETTINGS)


def test_features_by_hand(log):
    table = table_at(log, AS_OF, SETTINGS)
    anna = {name: values[0] for name, values in table.columns.items()}
    ben = {name: values[1] for name, values in table.columns.items()}
    expected = {
        "recency_days": 1.5 - 120 / DAY,
        # Visits at 0.5, 2.5, 6.5: gaps of 2 and 4 days.
        "gap_mean": 3.0,
        "gap_sd": 1.0,
        "recency_over_gap": (1.5 - 120 / DAY) / 3,
        "visits": 3,
        # One in the last four days, two in the four before.
        "visits_half": 1,
        "trend": 1.5 / 2.5,
        "active_days": 3,
        "visits_a_week": 3 / 7.5 * 7,
        # 1 of 2 shown things clicked; of 2 clicks none put into the cart.
        "click_rate": 2 / 2,
        "cart_rate": 0.0,
        "buy_rate": 1 / 2,
        "orders": 1,
        "spend": 100.0,
        "spend_total": 100.0,
        "buy_recency": 1.5 - 120 / DAY,
        "last_visit_deep": 1,
        "categories": 1,
        "top_category_share": 1.0,
        # Four actions: click, search, click, buy.
        "search_share": 1 / 4,
        "campaign_share": 0.0,
        "actions_a_visit": 4 / 3,
        "visit_minutes": 1.0,
        "registered_days": 18.0,
        # Days 2.5 and 6.5: Wednesday and Sunday, at noon.
        "weekend_share": 1 / 3,
        "evening_share": 0.0,
        "daytime_share": 1.0,
    }
    assert {name: anna[name] for name in expected} == pytest.approx(expected)
    assert (anna["level"], anna["device"], anna["gender"]) == ("3", "ios", "")
    assert math.isnan(ben["gap_mean"])
    assert math.isnan(ben["recency_over_gap"])
    assert math.isnan(ben["buy_recency"])
    assert math.isnan(ben["registered_days"])
    assert ben["last_visit_deep"] == 0
    # Anna has been coming for longer and more often.
    assert 0 < anna["expected_absence"] < ben["expected_absence"] < 1
    assert table.value.tolist() == [100.0, 0.0]
    assert table.last_active.tolist() == [at(6.5 + 120 / DAY), at(7)]


def test_what_happens_later_changes_no_feature(log, tmp_path):
    future = [
        ("anna", 8.0, "buy", "i2"),
        ("ben", 8.0, "cart", "i1"),
        ("cai", 8.1, "click", "i1"),
        ("dan", 8.2, "buy", "i1"),
    ]
    changed = read(
        write(
            tmp_path / "changed",
            events=_rows([*EVENTS, *future]),
            items=ITEMS,
            users=USERS,
        )
    )
    before, after = (table_at(one, AS_OF, SETTINGS) for one in (log, changed))
    assert before.users.tolist() == after.users.tolist()
    for name, values in before.columns.items():
        assert str(values.tolist()) == str(after.columns[name].tolist()), name
    assert before.value.tolist() == after.value.tolist()
    # But it does change who was lost.
    assert lost_users(changed, after.users, AS_OF, SETTINGS).tolist() == [
        False,
        False,
    ]


def test_cuts_end_their_labels_before_anything_that_is_evaluated():
    settings = ChurnSettings(days=7, look_back_days=7, evaluation_cuts=2)
    cuts = rolling_cuts(MONDAY, at(40), settings, labelled=True)
    assert cuts.asked == (at(33), at(26))
    assert cuts.training == tuple(at(day) for day in range(19, 7, -1))
    assert max(cuts.training) + settings.window <= min(cuts.asked)
    now = rolling_cuts(MONDAY, at(40), settings, labelled=False)
    assert now.asked == (at(40),)
    assert now.training[0] == at(33)
    with pytest.raises(DataError, match=r"spans 20\.0 days; 28 are needed"):
        rolling_cuts(MONDAY, at(20), settings, labelled=True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("days", 0),
        ("look_back_days", -1),
        ("max_training_cuts", 0),
        ("high_risk", 0.2),
        ("signs_of_life", ("klick",)),
    ],
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(SettingsError, match=field):
        ChurnSettings(**{field: value})
