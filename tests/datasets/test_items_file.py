"""One file of items in three forms, read row for row or refused."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.items_file import read_items
from datasets.tables import arrow_schema
from schema.errors import DataError

ROWS = [
    {"item_id": "n1", "title": "无线鼠标", "price": 99.5, "in_stock": True},
    {"item_id": "n2", "title": "键盘", "brand": "罗技", "listed_at": 1_700_000},
]


def write(folder, ending, rows):
    path = folder / f"new{ending}"
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows, schema=None), path)
    elif ending == ".csv":
        names = list(dict.fromkeys(name for row in rows for name in row))
        lines = [
            names,
            *([row.get(name, "") for name in names] for row in rows),
        ]
        text = "\n".join(",".join(map(str, line)) for line in lines)
        path.write_text(text + "\n", encoding="utf-8")
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_three_forms_say_the_same(tmp_path, ending):
    names = list(dict.fromkeys(name for row in ROWS for name in row))
    whole = [{name: row.get(name) for name in names} for row in ROWS]
    given = ROWS if ending == ".csv" else whole
    table = read_items(write(tmp_path, ending, given))
    assert table.schema == arrow_schema("items")
    found = table.to_pylist()
    for row, read in zip(ROWS, found, strict=True):
        assert {name: read[name] for name in row} == row
        unknown = set(read) - set(row)
        assert all(read[name] is None for name in unknown)


def test_ids_of_digits_stay_text(tmp_path):
    path = write(tmp_path, ".jsonl", [{"item_id": 7, "title": "鼠标"}])
    assert read_items(path)["item_id"].to_pylist() == ["7"]


@pytest.mark.parametrize(
    ("ending", "rows", "message"),
    [
        (
            ".csv",
            [{"item_id": "a", "title": "x", "price": "9元"}],
            r"row 1 \(item_id 'a'\): price is '9元'; allowed: float32, CNY",
        ),
        (
            ".jsonl",
            [{"item_id": "a", "title": "x", "in_stock": "maybe"}],
            r"row 1 \(item_id 'a'\): in_stock is 'maybe'; allowed: bool",
        ),
        (
            ".csv",
            [{"item_id": "a", "title": "x", "pirce": "9"}],
            "column 'pirce'; allowed: item_id, title",
        ),
        (".csv", [{"item_id": "a"}], "'title' is missing"),
        (".csv", [], "is empty|holds no rows"),
        (".txt", [{"item_id": "a", "title": "x"}], r"allowed: \.csv"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, ending, rows, message):
    with pytest.raises(DataError, match=message):
        read_items(write(tmp_path, ending, rows))


def test_broken_files_say_so(tmp_path):
    for name, content in (
        ("a.parquet", b"no"),
        ("a.jsonl", b'{"item_id": "a", "title"'),
        ("a.csv", b"item_id,title\n1,\xff\xfe\n"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name):
            read_items(tmp_path / name)


def test_many_bad_rows_are_counted(tmp_path):
    rows = [{"item_id": f"a{n}", "title": "x", "price": "?"} for n in range(9)]
    with pytest.raises(DataError) as error:
        read_items(write(tmp_path, ".csv", rows))
    assert str(error.value).count("row ") == 5
    assert "and 4 more" in str(error.value)
