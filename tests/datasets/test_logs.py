"""Adapters of public logs, on a few handwritten lines and on real files."""

import pathlib

import pyarrow.parquet as pq
import pytest

from datasets import jdata, taobao
from schema.contract import EVENT_TYPES
from schema.errors import DataError

DATA = pathlib.Path(__file__).parents[3] / "shared" / "data"


def rows(data_dir, name):
    """Returns the table's rows without unknown values."""
    return [
        {key: value for key, value in row.items() if value is not None}
        for row in pq.read_table(data_dir / name).to_pylist()
    ]


def real(folder):
    if not (DATA / folder).is_dir():
        pytest.skip(f"no {folder} in ../shared/data")
    return DATA / folder


@pytest.fixture
def taobao_rows(tmp_path):
    def convert(text):
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / taobao.FILE).write_bytes(text.encode())
        counts = taobao.convert(tmp_path / "in", tmp_path / "out")
        return counts, *(rows(tmp_path / "out", t) for t in ("events", "items"))

    return convert


def test_taobao(taobao_rows):
    counts, events, items = taobao_rows(
        "1,10,100,pv,1511658000\n"
        "1,11,101,cart,1511658001\n"
        "2,10,100,fav,1511658002\n"
        "2,10,100,buy,1511658003\n"
    )
    assert [event["event_type"] for event in events] == [
        *("click", "cart", "favorite", "buy"),
    ]
    assert events[2] == {
        **{"user_id": "2", "item_id": "10", "event_type": "favorite"},
        "timestamp": 1_511_658_002,
    }
    assert items == [
        {"item_id": "10", "title": "", "category": "类目100"},
        {"item_id": "11", "title": "", "category": "类目101"},
    ]
    assert counts == {
        "events": {"read": 4, "written": 4, "unreadable": 0},
        "items": {"read": 0, "written": 2, "unreadable": 0},
    }


def test_taobao_passes_bad_rows_on(taobao_rows):
    counts, events, items = taobao_rows(
        "1,10,100,pv,1511658000\n"
        "2,,100,pv,1511658000\n"
        ",10,100,pv,1511658000\n"
        "3,10,100,zap,1511658000\n"
        "4,10,100,pv,soon\n"
        "5,10,100,pv,1511658000123\n"
        "6,10,100,pv,-5\n"
        "7,10,100,pv,15,99\n"
        "8,10"
    )
    full = {
        "user_id": "1",
        "item_id": "10",
        "event_type": "click",
        "timestamp": 1_511_658_000,
    }
    others = [
        full,
        {k: v for k, v in full.items() if k != "item_id"} | {"user_id": "2"},
        {k: v for k, v in full.items() if k != "user_id"},
        full | {"user_id": "3", "event_type": "zap"},
        {"user_id": "4", "item_id": "10", "event_type": "click"},
        full | {"user_id": "5", "timestamp": 1_511_658_000_123},
        full | {"user_id": "6", "timestamp": -5},
        {},
        {"user_id": "8", "item_id": "10"},
    ]
    assert sorted(map(str, events)) == sorted(map(str, others))
    assert [item["item_id"] for item in items] == ["10"]
    assert counts["events"] == {"read": 9, "written": 9, "unreadable": 1}


def test_taobao_of_bad_rows_only_still_counts_them(taobao_rows):
    counts, events, items = taobao_rows("1\n2\n3,4\n")
    assert counts["events"]["written"] == 3
    assert events == [
        *({"user_id": "1"}, {"user_id": "2"}),
        {"user_id": "3", "item_id": "4"},
    ]
    assert items == [{"item_id": "4", "title": ""}]


def test_taobao_without_file_or_rows(tmp_path):
    with pytest.raises(DataError, match=r"UserBehavior.csv is missing in"):
        taobao.convert(tmp_path, tmp_path / "out")
    (tmp_path / taobao.FILE).touch()
    with pytest.raises(DataError, match=r"UserBehavior.csv is empty"):
        taobao.convert(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out" / "events").exists()


def test_real_taobao(tmp_path):
    """The last line is cut off in the middle of its time."""
    counts = taobao.convert(real("taobao"), tmp_path)
    events = pq.read_table(tmp_path / "events")
    assert events.num_rows == counts["events"]["read"] == 96_169
    types = {
        entry["values"]: entry["counts"]
        for entry in events["event_type"].value_counts().to_pylist()
    }
    assert types == {
        **{"click": 85_774, "cart": 5_292, "favorite": 2_959, "buy": 2_144},
    }
    assert events["timestamp"][-1].as_py() == 15


@pytest.fixture
def jdata_dir(tmp_path):
    """A log with a UTC+8 time, float ids, -1 and NULL, in GBK."""
    source = tmp_path / "in"
    source.mkdir()
    (source / "JData_Action_201602.csv").write_bytes(
        (
            "user_id,sku_id,time,model_id,type,cate,brand\n"
            "266079.0,10,2016-02-01 08:00:00,,1,8,489\n"
            "266079.0,10,2016-02-01 08:00:01,0,6,8,489\n"
            "266080.0,77,2016-02-01 08:00:02,,4,5,-1\n"
            "NULL,10,2016-02-01 08:00:03,,5,8,489\n"
            "266081,-1,2016-02-31 08:00:03,,9,8,489\n"
            "266081.0,10"
        ).encode("gbk")
    )
    (source / "JData_Action_201603.csv").write_bytes(
        b"user_id,sku_id,time,model_id,type,cate,brand\n"
        b"1,10,2016-03-01 00:00:00,,2,8,489\n"
        b"1,10,2016-03-01 00:00:00,,3,8,489\n"
    )
    (source / "JData_Product.csv").write_bytes(
        b"sku_id,a1,a2,a3,cate,brand\n"
        b"10,3,1,-1,8,489\n11,-1,-1,-1,8,NULL\n12,-1,2,-1,-1,-1\n"
    )
    (source / "JData_User.csv").write_bytes(
        (
            "user_id,age,sex,user_lv_cd,user_reg_tm\n"
            "266079,56岁以上,2,5,2016-01-26\n"
            "266080,-1,0,1,NULL\n"
            "266082,26-35岁,1,,someday\n"
        ).encode("gbk")
    )
    return source


def test_jdata(jdata_dir, tmp_path):
    counts = jdata.convert(jdata_dir, tmp_path)
    # 2016-02-01 08:00:00 in China is midnight in Greenwich.
    midnight = 1_454_284_800
    item = {"item_id": "10"}
    assert rows(tmp_path, "events") == [
        {"user_id": "266079", **item, "event_type": "view"}
        | {"timestamp": midnight},
        {"user_id": "266079", **item, "event_type": "click"}
        | {"timestamp": midnight + 1},
        {"user_id": "266080", "item_id": "77", "event_type": "buy"}
        | {"timestamp": midnight + 2},
        {**item, "event_type": "favorite", "timestamp": midnight + 3},
        {"user_id": "266081", "event_type": "9"},
        {"user_id": "266081", **item},
        {"user_id": "1", **item, "event_type": "cart"}
        | {"timestamp": 1_456_761_600},
        {"user_id": "1", **item, "event_type": "uncart"}
        | {"timestamp": 1_456_761_600},
    ]
    assert rows(tmp_path, "items") == [
        {
            "item_id": "10",
            "title": "类目8 品牌489 属性3-1-未知",
            "category": "类目8",
            "brand": "品牌489",
            "tags": ["属性1:3", "属性2:1"],
        },
        {"item_id": "11", "title": "类目8", "category": "类目8"},
        {"item_id": "12", "title": "属性未知-2-未知", "tags": ["属性2:2"]},
        {"item_id": "77", "title": "类目5", "category": "类目5"},
    ]
    assert rows(tmp_path, "users") == [
        {
            "user_id": "266079",
            "age_band": "56岁以上",
            "level": "5",
            "registered_at": 1_453_737_600,
        },
        {"user_id": "266080", "gender": "M", "level": "1"},
        {"user_id": "266082", "gender": "F", "age_band": "26-35岁"},
    ]
    assert counts == {
        "events": {"read": 8, "written": 8, "unreadable": 1},
        "items": {"read": 3, "written": 4, "unreadable": 0},
        "users": {"read": 3, "written": 3, "unreadable": 1},
    }


def test_jdata_in_another_encoding_is_refused(jdata_dir, tmp_path):
    path = jdata_dir / "JData_User.csv"
    path.write_bytes(
        "user_id,age,sex,user_lv_cd,user_reg_tm\n1,56岁,2,5,\n".encode()
    )
    with pytest.raises(DataError, match=r"JData_User.csv is not .* gbk: byte"):
        jdata.convert(jdata_dir, tmp_path)


@pytest.mark.parametrize(
    "name", ["JData_User.csv", "JData_Product.csv", "JData_Action_*.csv"]
)
def test_jdata_without_a_file(name, jdata_dir, tmp_path):
    for path in jdata_dir.glob(name):
        path.unlink()
    with pytest.raises(DataError) as caught:
        jdata.convert(jdata_dir, tmp_path)
    assert name in str(caught.value)
    assert str(jdata_dir) in str(caught.value)


def test_jdata_without_a_column(jdata_dir, tmp_path):
    (jdata_dir / "JData_Product.csv").write_bytes(b"sku_id,a1\n1,2\n")
    with pytest.raises(
        DataError, match=r"JData_Product.csv has no column 'a2'"
    ):
        jdata.convert(jdata_dir, tmp_path)


def test_real_jdata(tmp_path):
    counts = jdata.convert(real("jdata"), tmp_path)
    events = pq.read_table(tmp_path / "events")
    assert counts == {
        "events": {"read": 29_999, "written": 29_999, "unreadable": 0},
        "items": {"read": 24_187, "written": 25_547, "unreadable": 0},
        "users": {"read": 29_999, "written": 29_999, "unreadable": 0},
    }
    assert set(events["event_type"].to_pylist()) <= set(EVENT_TYPES)
    assert "." not in "".join(events["user_id"].to_pylist())
    # The sample is of the night from 31 January to 1 February, 2016, in China.
    times = events["timestamp"].to_pylist()
    assert (min(times), max(times)) == (1_454_255_942, 1_454_266_758)
