import pyarrow as pa
import pytest

from schema.errors import DataError
from tests.shop_tables import at, read, write

ITEMS = [
    {"item_id": "i1", "title": "鼠标", "category": "电脑/鼠标", "price": 50.0},
    {"item_id": "i2", "title": "键盘", "price": -1.0},
]


def _event(user, day, kind="click", item="i1", **more):
    return {
        "user_id": user,
        "timestamp": at(day),
        "event_type": kind,
        "item_id": item if kind != "search" else None,
        **more,
    }


def test_bad_rows_duplicates_and_bots_are_left_out_and_counted(tmp_path):
    good = [
        _event("u2", 1, "buy", quantity=2),
        _event("u1", 2, "search", query="鼠标"),
        _event("u1", 2.001, "view", price=45.0),
        _event("u1", 3, "click", item="i2"),
    ]
    bad = [
        good[0],
        _event("", 1),
        _event("u1", 1, "clik"),
        _event("u1", 1, item="gone"),
        _event("u1", 1, price=-3.0),
        {**_event("u1", 1), "timestamp": at(1) * 1000},
    ]
    bot = [_event("robot", 1 + n / 86_400) for n in range(6)]
    write(tmp_path, events=good + bad + bot, items=ITEMS)
    log = read(tmp_path, max_events_per_hour=5)
    assert log.dropped == {
        "empty_user": 1,
        "unknown_event_type": 1,
        "bad_timestamp": 1,
        "unknown_item": 1,
        "negative_price": 1,
        "deduplicated": 1,
        "bots": 6,
    }
    assert log.events.users.to_pylist() == ["u1", "u2"]
    assert log.events.user.tolist() == [0, 0, 0, 1]
    # Its own price, else the item's; a price below 0 is none.
    assert log.price.tolist()[1::2] == [45.0, 50.0]
    assert str(log.price[2]) == "nan"
    assert log.quantity.tolist() == [1, 1, 1, 2]
    # The search and the view are one visit, the next day's click another.
    assert log.visit.tolist() == [0, 0, 1, 2]
    assert (log.begin, log.end) == (at(1), at(3) + 1)


def test_before_knows_nothing_of_later_users_and_events(tmp_path):
    events = [_event("u1", 1), _event("u3", 2), _event("u2", 3)]
    users = [{"user_id": "u2", "level": "5"}, {"user_id": "u1", "level": "1"}]
    write(tmp_path, events=events, items=ITEMS, users=users)
    log = read(tmp_path)
    assert log.profiles["level"].to_pylist() == ["1", "5", ""]
    past = log.before(at(2))
    assert past.events.users.to_pylist() == ["u1"]
    assert past.profiles["level"].to_pylist() == ["1"]
    assert past.end == at(1) + 1
    assert log.before(at(0)).num_users == 0
    assert log.before(at(0)).end == 0


def test_csv_tables_are_read_as_well(tmp_path):
    for name, text in (
        ("events", f"user_id,item_id,event_type,timestamp\n7,9,view,{at(1)}\n"),
        ("items", "item_id,title\n9,书\n"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "part.csv").write_text(text, encoding="utf-8")
    log = read(tmp_path)
    assert log.events.users.to_pylist() == ["7"]
    assert log.items["item_id"].to_pylist() == ["9"]


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match="table 'items'"):
        read(tmp_path)
    write(tmp_path, items=ITEMS)
    (tmp_path / "events").mkdir()
    pa.parquet.write_table(
        pa.table({"user_id": ["u"]}), tmp_path / "events" / "part.parquet"
    )
    with pytest.raises(DataError, match="no column 'event_type'"):
        read(tmp_path)
    write(tmp_path, events=[_event("u1", 1, item="gone")])
    with pytest.raises(DataError, match="no good event"):
        read(tmp_path)
