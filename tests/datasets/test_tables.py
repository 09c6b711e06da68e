"""Contract tables appear whole, with every column, or not at all."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets import tables
from schema import contract
from schema.errors import DataError

EVENT = {
    "user_id": ["u1"],
    "item_id": ["i1"],
    "event_type": ["view"],
    "timestamp": [1_700_000_000],
}


def events(rows):
    return pa.table({name: value * rows for name, value in EVENT.items()})


@pytest.mark.parametrize("name", contract.TABLES)
def test_file_has_every_column_in_the_contracts_type(name, tmp_path):
    required = {c.name: ["x"] for c in contract.TABLES[name] if c.required}
    if "timestamp" in required:
        required["timestamp"] = [1]
    assert tables.write_table(pa.table(required), name, tmp_path) == 1
    written = pq.read_schema(tmp_path / name / "part-00000.parquet")
    assert [(field.name, str(field.type)) for field in written] == [
        (
            c.name,
            c.dtype.replace("float32", "float").replace(
                "list<", "list<element: "
            ),
        )
        for c in contract.TABLES[name]
    ]


def test_types_are_cast_and_absent_columns_are_null(tmp_path):
    batch = pa.table(
        {
            "timestamp": pa.array([5], pa.int32()),
            "event_type": pa.array(["buy"], pa.large_string()),
            "user_id": pa.array(["u"]).dictionary_encode(),
            "price": pa.array([0.1], pa.float64()),
        }
    )
    tables.write_table(batch, "events", tmp_path)
    (row,) = pq.read_table(tmp_path / "events").to_pylist()
    assert row.pop("price") == pytest.approx(0.1)
    assert {k: v for k, v in row.items() if v is not None} == {
        **{"user_id": "u", "event_type": "buy", "timestamp": 5},
    }


def test_stream_keeps_order_and_makes_even_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP_ROWS", 10)
    stream = (
        events(size).set_column(
            3, "timestamp", pa.array(range(start, start + size))
        )
        for start, size in ((0, 3), (3, 25), (28, 7), (35, 1))
    )
    assert tables.write_table(stream, "events", tmp_path) == 36
    file = pq.ParquetFile(tmp_path / "events" / "part-00000.parquet")
    groups = [file.metadata.row_group(i).num_rows for i in range(4)]
    assert groups == [10, 10, 10, 6]
    assert file.read()["timestamp"].to_pylist() == list(range(36))


def test_same_rows_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        tables.write_table(events(1000), "events", tmp_path / folder)
    first, second = (
        (tmp_path / folder / "events" / tables.PART).read_bytes()
        for folder in ("a", "b")
    )
    assert first == second


def test_failure_midway_leaves_the_earlier_table(tmp_path):
    tables.write_table(events(2), "events", tmp_path)

    def broken():
        yield events(3)
        raise DataError("the source broke off")

    with pytest.raises(DataError, match="broke off"):
        tables.write_table(broken(), "events", tmp_path)
    assert pq.read_table(tmp_path / "events").num_rows == 2
    assert [path.name for path in tmp_path.iterdir()] == ["events"]


def test_leftovers_of_a_killed_run_are_replaced(tmp_path):
    (tmp_path / ".events.new").mkdir()
    (tmp_path / ".events.new" / "part-00000.parquet").write_bytes(b"half")
    assert tables.write_table(events(4), "events", tmp_path) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["events"]


def test_empty_log_is_refused(tmp_path):
    with pytest.raises(DataError, match="table events has no rows"):
        tables.write_table(events(0), "events", tmp_path)
    assert not (tmp_path / "events").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"event_type": None}, "required column 'event_type' is missing"),
        ({"colour": ["red"]}, "no column 'colour'; allowed: user_id"),
        ({"timestamp": ["soon"]}, "'timestamp': string does not fit int64"),
        ({"timestamp": [1.5]}, "'timestamp': double does not fit int64"),
        ({"user_id": [b"\xff"]}, "'user_id': binary does not fit string"),
    ],
)
def test_what_is_not_in_the_contract_is_refused(change, says, tmp_path):
    columns = {k: v for k, v in {**EVENT, **change}.items() if v is not None}
    with pytest.raises(DataError, match=says):
        tables.write_table(pa.table(columns), "events", tmp_path)


def test_dropped_table_is_gone(tmp_path):
    tables.write_table(events(1), "events", tmp_path)
    tables.drop_table("events", tmp_path)
    tables.drop_table("users", tmp_path)
    assert list(tmp_path.iterdir()) == []
