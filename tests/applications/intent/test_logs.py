import dataclasses

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from applications.intent import logs
from schema.errors import DataError

ITEMS = pa.array(["i1", "i2"])


def _csv(path, *rows):
    path.write_text(
        "user_id,item_id,event_type,timestamp,query\n"
        + "".join(f"{row}\n" for row in rows),
        encoding="utf-8",
    )
    return path


def test_every_row_of_every_file_is_counted(tmp_path):
    first = _csv(
        tmp_path / "one.csv",
        "u1,i1,click,100,",
        "u1,i1,click,100,",
        ",i1,click,100,",
        "u1,i1,clik,100,",
        "u1,i1,click,1700000000000,",
        "u1,i9,click,100,",
        "u1,,search,90,鼠标",
    )
    folder = tmp_path / "more"
    folder.mkdir()
    table = pa.table(
        {
            "user_id": ["u1", "u2", "u2", "u2"],
            "item_id": ["i1", "i2", "i2", "i2"],
            "event_type": ["click", "view", "view", "buy"],
            "timestamp": [100, 50, 51, 52],
        }
    )
    pq.write_table(table, folder / "part.parquet")
    found, counts = logs.merge([first, folder], ITEMS, 2)
    told = dataclasses.asdict(counts)
    assert told == {
        "files": 2,
        "read": 11,
        "kept": 2,
        "no_user": 1,
        "unknown_type": 1,
        "bad_timestamp": 1,
        "unknown_item": 1,
        "duplicates": 2,
        "bots": 3,
    }
    told.pop("files")
    assert told.pop("read") == sum(told.values())
    assert found["timestamp"].to_pylist() == [90, 100]
    assert found["query"].to_pylist() == ["鼠标", ""]


def test_without_a_limit_nobody_is_a_bot(tmp_path):
    path = _csv(tmp_path / "a.csv", *[f"u1,i1,view,{n + 1}," for n in range(9)])
    _, counts = logs.merge([path], ITEMS, 0)
    assert (counts.kept, counts.bots) == (9, 0)


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is no log"):
        logs.merge([tmp_path / "empty"], ITEMS, 0)
    bad = tmp_path / "bad.csv"
    bad.write_text("user_id,timestamp\nu1,1\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 'item_id'"):
        logs.merge([bad], ITEMS, 0)
    path = _csv(tmp_path / "none.csv", "u1,i9,click,100,")
    with pytest.raises(DataError, match="none can be used"):
        logs.merge([path], ITEMS, 0)
