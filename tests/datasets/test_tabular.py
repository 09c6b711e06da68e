"""Tables of one's own: CSV and Parquet, mapped, typed, and refused."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from datasets import tabular
from datasets.tabular import TableSource
from schema.errors import DataError
from schema.settings import SettingsError

ITEMS = "item_id,title\ni1,鼠标\n"
EVENTS = "user_id,item_id,event_type,timestamp\nu1,i1,view,1700000000\n"


def rows(data_dir, name):
    return [
        {key: value for key, value in row.items() if value is not None}
        for row in pq.read_table(data_dir / name).to_pylist()
    ]


@pytest.fixture
def source(tmp_path):
    """Returns a function that fills the source folder."""
    folder = tmp_path / "in"
    folder.mkdir()

    def fill(files):
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            if isinstance(content, pd.DataFrame):
                content.to_parquet(path)
            elif isinstance(content, dict):
                path.write_text(json.dumps(content), encoding="utf-8")
            else:
                path.write_bytes(
                    content if isinstance(content, bytes) else content.encode()
                )
        return folder

    return fill


def test_contract_names_need_no_configuration(source, tmp_path):
    folder = source(
        {
            "events.csv": EVENTS,
            "items/a.parquet": pd.DataFrame(
                {"item_id": ["i1"], "title": ["鼠标"]}
            ),
            "items/b.parquet": pd.DataFrame({"item_id": ["i2"], "title": [""]}),
            "users.csv": "user_id,age_band\nu1,26-35\n",
        }
    )
    counts = tabular.convert(folder, tmp_path / "out")
    assert list(counts) == ["events", "items", "users"]
    assert rows(tmp_path / "out", "events") == [
        {"user_id": "u1", "item_id": "i1", "event_type": "view"}
        | {"timestamp": 1_700_000_000},
    ]
    assert [row["item_id"] for row in rows(tmp_path / "out", "items")] == [
        *("i1", "i2"),
    ]
    # A later source without users must not meet these.
    (folder / "users.csv").unlink()
    tabular.convert(folder, tmp_path / "out")
    assert not (tmp_path / "out" / "users").exists()


def test_mapping_encoding_units_and_lists(source, tmp_path):
    folder = source(
        {
            "log.txt": (
                "谁;什么;做了;何时;价\n7.0;i1;浏览;1700000000999;199.5\n"
                "8;i1;buy;x;¥9\n9;i1;跳;-1;\n"
            ).encode("gb18030"),
            "goods.csv": "sku,title,tags,image_embedding,in_stock,listed_at\n"
            'i1,"鼠标,静音",静音 便携,0.5 1,否,2020-01-02\n'
            "i2,键盘,,x 1,maybe,soon\n",
            "tables.json": {
                "events": {
                    "files": "log.txt",
                    "delimiter": ";",
                    "encoding": "gb18030",
                    "time_unit": "ms",
                    "event_types": {"浏览": "view"},
                    "columns": {
                        **{"user_id": "谁", "item_id": "什么", "price": "价"},
                        **{"event_type": "做了", "timestamp": "何时"},
                    },
                },
                "items": {
                    "files": "goods.csv",
                    "columns": {"item_id": "sku"},
                    "list_separator": " ",
                    "time_format": "%Y-%m-%d",
                },
            },
        }
    )
    counts = tabular.convert(folder, tmp_path)
    assert rows(tmp_path, "events") == [
        {"user_id": "7", "item_id": "i1", "event_type": "view"}
        | {"timestamp": 1_700_000_000, "price": 199.5},
        {"user_id": "8", "item_id": "i1", "event_type": "buy"},
        {"user_id": "9", "item_id": "i1", "event_type": "跳", "timestamp": 0},
    ]
    assert rows(tmp_path, "items") == [
        {
            "item_id": "i1",
            "title": "鼠标,静音",
            "tags": ["静音", "便携"],
            "image_embedding": [0.5, 1.0],
            "in_stock": False,
            # Midnight in China.
            "listed_at": 1_577_894_400,
        },
        {"item_id": "i2", "title": "键盘"},
    ]
    assert counts == {
        "events": {"read": 3, "written": 3, "unreadable": 2},
        "items": {"read": 2, "written": 2, "unreadable": 3},
    }


def test_parquet_types(source, tmp_path):
    folder = source(
        {
            "events.parquet": pd.DataFrame(
                {
                    "user_id": [7.0, None],
                    "item_id": pd.Categorical(["i1", "i1"]),
                    "event_type": ["view", "view"],
                    "timestamp": pd.to_datetime(
                        ["2016-02-01 08:00:00", None]
                    ).tz_localize("Asia/Shanghai"),
                    "position": [0.0, float("nan")],
                    "quantity": ["2", "two"],
                    "colour": ["red", "red"],
                }
            ),
            "items.parquet": pd.DataFrame(
                {
                    "item_id": [1, 2],
                    "title": ["a", "b"],
                    "in_stock": [1, 0],
                    "tags": [["x"], None],
                    "listed_at": pd.to_datetime(["2016-02-01 08:00:00", None]),
                }
            ),
        }
    )
    tabular.convert(folder, tmp_path)
    midnight = 1_454_284_800
    assert rows(tmp_path, "events") == [
        {"user_id": "7", "item_id": "i1", "event_type": "view"}
        | {"timestamp": midnight, "position": 0, "quantity": 2},
        {"item_id": "i1", "event_type": "view"},
    ]
    assert rows(tmp_path, "items") == [
        {"item_id": "1", "title": "a", "in_stock": True, "tags": ["x"]}
        | {"listed_at": midnight},
        {"item_id": "2", "title": "b", "in_stock": False},
    ]


def test_milliseconds_pass_as_they_are_unless_said(source, tmp_path):
    events = EVENTS.replace("1700000000", "1700000000123")
    folder = source({"events.csv": events, "items.csv": ITEMS})
    tabular.convert(folder, tmp_path / "a")
    assert rows(tmp_path / "a", "events")[0]["timestamp"] == 1_700_000_000_123
    sources = {
        "events": TableSource(time_unit="ms"),
        "items": TableSource(),
    }
    tabular.convert(folder, tmp_path / "b", sources)
    assert rows(tmp_path / "b", "events")[0]["timestamp"] == 1_700_000_000


def test_ten_million_characters_and_duplicate_items_pass(source, tmp_path):
    title = "长" * 10_000_000
    folder = source(
        {
            "events.csv": EVENTS,
            "items.csv": f"item_id,title,price\ni1,{title},-5\ni1,短,1\n",
        }
    )
    tabular.convert(folder, tmp_path)
    found = rows(tmp_path, "items")
    assert [(r["item_id"], len(r["title"]), r["price"]) for r in found] == [
        *(("i1", 10_000_000, -5.0), ("i1", 1, 1.0)),
    ]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, r"no file events.csv in .*found: nothing"),
        ({"events.csv": EVENTS}, r"no file items.csv in .*events.csv"),
        (
            {
                "events.csv": "uid,event_type\n1,view\n",
                "items.csv": ITEMS,
            },
            r"events.csv has no column 'user_id' for events.user_id; "
            "found: uid, event_type",
        ),
        (
            {"events.csv": EVENTS.splitlines()[0], "items.csv": ITEMS},
            "events.csv holds no rows",
        ),
        (
            {
                "events.csv": EVENTS.replace("i1", "好").encode("gbk"),
                "items.csv": ITEMS,
            },
            "events.csv is not in the encoding utf-8: byte 0xba at offset 40",
        ),
        (
            {"events.parquet": b"PAR?", "items.csv": ITEMS},
            "events.parquet is not Parquet",
        ),
        (
            {
                "events.parquet": pd.DataFrame(
                    {"user_id": [["a"]], "event_type": ["x"], "timestamp": [1]}
                ),
                "items.csv": ITEMS,
            },
            r"'user_id': its type list<.*> cannot be read as string",
        ),
        ({"tables.json": b"[1]"}, "not an object of table to settings"),
        ({"tables.json": b"{"}, "not an object of table to settings"),
        (
            {"tables.json": {"orders": {}}},
            "the table 'orders'; allowed: ev",
        ),
        (
            {"tables.json": {"events": {}}},
            "does not name the table 'items'",
        ),
        (
            {
                "tables.json": {
                    "events": {"columns": {"who": "uid"}},
                    "items": {},
                },
                "events.csv": EVENTS,
                "items.csv": ITEMS,
            },
            "table events has no column 'who' to map 'uid' to; allowed: us",
        ),
        (
            {
                "tables.json": {
                    "events": {"columns": {"city": "town"}},
                    "items": {},
                },
                "events.csv": EVENTS,
                "items.csv": ITEMS,
            },
            "no column 'town' for events.city; found: user_id",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_named(files, says, source, tmp_path):
    with pytest.raises(DataError, match=says):
        tabular.convert(source(files), tmp_path / "out")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_unit", "minutes"),
        ("encoding", "klingon"),
        ("delimiter", "||"),
        ("event_types", {"浏览": "look"}),
        ("utc_offset_hours", 25),
        ("files", "/etc/*"),
    ],
)
def test_bad_settings_are_named(field, value, source):
    folder = source({"tables.json": {"events": {field: value}, "items": {}}})
    with pytest.raises(SettingsError, match=rf"tables.json: .*\.{field} is"):
        tabular.read_config(folder)


def test_source_and_target_must_differ(source):
    folder = source({"events.csv": EVENTS, "items.csv": ITEMS})
    with pytest.raises(DataError, match="both source and target"):
        tabular.convert(folder, folder)
