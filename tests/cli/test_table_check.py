import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.main import main
from cli.table_check import Severity, check_tables
from schema.errors import DataError

EVENTS = {
    "user_id": ["u1", "u1", "u2", "u3"],
    "item_id": ["a", None, "b", "a"],
    "event_type": ["view", "search", "buy", "click"],
    "timestamp": [1_700_000_000, 1_700_000_001, 1_700_000_002, 1_700_000_003],
    "query": [None, "无线鼠标", None, None],
    "price": pa.array([1.0, None, 2.0, None], pa.float32()),
}
ITEMS = {"item_id": ["a", "b", "c"], "title": ["鼠标", "键盘", ""]}


def _write(folder, *, events=None, items=None, **tables):
    tables = {
        "events": EVENTS | (events or {}),
        "items": ITEMS | (items or {}),
        **tables,
    }
    for name, columns in tables.items():
        table = pa.table({k: v for k, v in columns.items() if v is not ...})
        (folder / name).mkdir()
        pq.write_table(table, folder / name / "part-0.parquet")
    return folder


def _found(result):
    return {
        (f.table, f.column, f.severity.name, f.rows) for f in result.findings
    }


def test_good_tables_have_nothing_to_object_to(tmp_path):
    result = check_tables(_write(tmp_path))
    assert result.findings == ()
    assert not result.stops
    assert result.rows == {"items": 3, "events": 4}
    assert result.event_types == {"view": 1, "search": 1, "buy": 1, "click": 1}


def test_every_kind_of_bad_row_is_counted_with_an_example(tmp_path):
    rows = {
        "user_id": ["u1", "", None, "u4", "u5", "u6", "u7", "u8"],
        "item_id": ["a", "a", "a", None, "zzz", "a", "a", "a"],
        "event_type": ["view"] * 6 + ["浏览", None],
        "timestamp": [1_700_000_000] * 4
        + [1_700_000_000_000, 0, 1_700_000_000, None],
        "query": [None] * 8,
        "price": [1.0, 2.0, 0.0, -3.5, float("nan"), None, 1.0, 1.0],
        "quantity": [1, 0, 1, 1, 1, 1, 1, None],
    }
    result = check_tables(_write(tmp_path, events=rows))
    assert _found(result) == {
        ("events", "user_id", "PUT_ASIDE", 1),
        ("events", "item_id", "PUT_ASIDE", 1),
        ("events", "event_type", "PUT_ASIDE", 1),
        ("events", "timestamp", "PUT_ASIDE", 1),
        ("events", "price", "PUT_ASIDE", 1),
        ("events", "quantity", "PUT_ASIDE", 1),
    }
    texts = {
        (f.column, f.text.split(";")[0], f.example) for f in result.findings
    }
    assert texts == {
        ("user_id", "is null", ""),
        ("user_id", "is empty", ""),
        ("item_id", "missing in an event on an item", "view"),
        ("item_id", "not in the table items", "zzz"),
        ("event_type", "unknown", "浏览"),
        ("event_type", "is null", ""),
        ("timestamp", "looks like milliseconds", "1700000000000"),
        ("timestamp", "not after 1970", "0"),
        ("timestamp", "is null", ""),
        ("price", "out of range", "-3.5"),
        ("price", "not a finite number", "nan"),
        ("quantity", "out of range", "0"),
    }
    assert not result.stops


def test_a_required_column_that_is_mostly_bad_is_a_wrong_file(tmp_path):
    times = [1_700_000_000_000] * 3 + [1_700_000_000]
    result = check_tables(_write(tmp_path, events={"timestamp": times}))
    assert _found(result) == {("events", "timestamp", "STOPS", 3)}
    assert result.stops


def test_half_of_the_rows_is_not_most_of_them(tmp_path):
    times = [1_700_000_000_000] * 2 + [1_700_000_000] * 2
    result = check_tables(_write(tmp_path, events={"timestamp": times}))
    assert _found(result) == {("events", "timestamp", "PUT_ASIDE", 2)}


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ({"user_id": ...}, "the column is missing"),
        ({"timestamp": [1.5, 2.5, 3.5, 4.5]}, "its type is double"),
        ({"user_id": [1, 2, 3, 4]}, "the contract's is string"),
        ({"item_id": ...}, "which events on items need"),
    ],
)
def test_wrong_columns_stop(tmp_path, events, said):
    result = check_tables(_write(tmp_path, events=events))
    [found] = result.findings
    assert found.severity == Severity.STOPS
    assert said in found.text


def test_integers_are_fine_where_numbers_may_have_fractions(tmp_path):
    events = {"price": [1, 2, 3, 4], "timestamp": pa.array([1] * 4, pa.int32())}
    assert check_tables(_write(tmp_path, events=events)).findings == ()


def test_duplicate_ids_and_long_titles(tmp_path):
    items = {
        "item_id": ["a", "b", "b", "b"],
        "title": ["", "长" * 10_001, "键盘", "键盘"],
    }
    result = check_tables(_write(tmp_path, items=items))
    assert _found(result) == {
        ("items", "item_id", "PUT_ASIDE", 2),
        ("items", "title", "PUT_ASIDE", 1),
    }
    examples = {f.column: f.example for f in result.findings}
    assert examples["item_id"] == "b"
    assert len(examples["title"]) == 40


def test_other_columns_are_only_worth_a_note(tmp_path):
    result = check_tables(_write(tmp_path, items={"colour": ["x"] * 3}))
    assert _found(result) == {("items", "colour", "NOTE", 0)}
    assert not result.stops


def test_optional_tables_are_held_against_the_contract_too(tmp_path):
    campaigns = {
        "campaign_id": ["c1", "c2"],
        "title": ["双十一", "618"],
        "kind": ["coupon", "lottery"],
        "discount": [0.1, 15.0],
    }
    result = check_tables(_write(tmp_path, campaigns=campaigns))
    assert {(f.column, f.example) for f in result.findings} == {
        ("kind", "lottery"),
        ("discount", "15.0"),
    }


def test_an_empty_log_and_a_missing_table_stop(tmp_path):
    _write(tmp_path)
    empty = pa.table({"user_id": pa.array([], pa.string())})
    pq.write_table(empty, tmp_path / "events" / "part-0.parquet")
    (tmp_path / "items" / "part-0.parquet").unlink()
    (tmp_path / "items").rmdir()
    result = check_tables(tmp_path)
    assert result.stops
    texts = {(f.table, f.column, f.text) for f in result.findings}
    assert ("events", "", "the table has no rows") in texts
    assert ("events", "timestamp", "the column is missing") in texts
    assert ("items", "", "the table is missing") in texts


def test_csv_keeps_ids_of_digits_as_text(tmp_path):
    for name, text in {
        "events": "user_id,item_id,event_type,timestamp,query\n"
        "007,1,view,1700000000,\n007,,search,1700000001,鼠标\n",
        "items": "item_id,title\n1,鼠标\n2,\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.csv").write_text(text, encoding="utf-8")
    result = check_tables(tmp_path)
    assert result.findings == ()
    assert result.rows == {"items": 2, "events": 2}


def test_gbk_is_named_with_its_file(tmp_path):
    _write(tmp_path)
    (tmp_path / "items" / "part-0.parquet").unlink()
    text = "item_id,title\n" + "a,无线鼠标\n" * 10
    (tmp_path / "items" / "goods.csv").write_text(text, encoding="gbk")
    with pytest.raises(DataError, match=r"goods\.csv.*UTF.*GB18030"):
        check_tables(tmp_path)


def test_bad_utf8_in_parquet_stops(tmp_path):
    gbk = pa.array(["鼠标".encode("gbk")] * 3, pa.binary())
    raw = pa.Array.from_buffers(pa.string(), 3, gbk.buffers())
    result = check_tables(_write(tmp_path, items={"title": raw}))
    [found] = result.findings
    assert found.column == "title"
    assert "not UTF-8" in found.text
    assert result.stops


def test_a_folder_without_tables_says_what_belongs_there(tmp_path):
    with pytest.raises(DataError, match=r"events, items, users, campaigns"):
        check_tables(tmp_path)


def test_the_command_prints_counts_and_findings(tmp_path):
    types = ["view", "view", "view", "购买"]
    _write(tmp_path, events={"event_type": types, "item_id": ["a"] * 4})
    result = CliRunner().invoke(main, ["data", "check", str(tmp_path)])
    assert result.exit_code == 0
    assert "3 items, 4 events" in result.stdout
    assert "3 view, 1 购买" in result.stdout
    assert "put aside" in result.stdout
    assert "events.event_type" in result.stdout


def test_the_command_fails_where_a_run_would_stop(tmp_path):
    _write(tmp_path, events={"user_id": ...})
    result = CliRunner().invoke(main, ["data", "check", str(tmp_path)])
    assert result.exit_code == 1
    assert "stops a run" in result.stdout
    assert "events.user_id" in result.stdout


def test_images_that_a_run_would_put_aside_are_counted(tmp_path):
    images = [[1.0, 2.0], [3.0], None, [1.0, float("nan")], [4.0, 5.0], []]
    items = {
        "item_id": ["a", "b", "c", "d", "e", "f"],
        "title": [""] * 6,
        "image_embedding": pa.array(images, pa.list_(pa.float32())),
    }
    result = check_tables(_write(tmp_path, items=items))
    assert _found(result) == {
        ("items", "image_embedding", "PUT_ASIDE", 1),
    }
    assert sorted((f.text, f.example) for f in result.findings) == [
        ("length unlike most; allowed: 2 numbers", "1 numbers"),
        ("not all of it finite numbers", "[1.0, nan]"),
    ]
    assert not result.stops
