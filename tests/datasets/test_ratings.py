"""Adapters of ratings and sequences, handwritten and real."""

import json
import pathlib
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from datasets import amazon_cn, movielens, recbole_package, sequences
from schema.errors import DataError, MissingDependencyError

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
def amazon_dir(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "ratings.csv").write_text(
        "1,7,5.0,1395676800\n2,7,4,1395676801\n3,8,3.9,1395676802\n"
        "4,8,good,1395676803\n5,8,9.0,1395676804\n6,8,1.0,\n7,8,1.0,later\n"
    )
    (source / "products.csv").write_text(
        "7^Fuhlen 富勒 无线鼠标^1,2,3^A^u^外设产品|鼠标|电脑/办公^"
        "鼠标|富勒|好用\n"
        "8^金士顿 优盘^1,4,5^B^u^U盘|存储设备|电脑/办公^U盘|金士顿\n"
        "9^西数 移动硬盘^1,4,6^B^u^存储设备|移动硬盘|电脑/办公^\n"
        '10^"致青春(附""珍藏卡"")"^9^C^u^小说|图书音像^致青春|小说\n'
        "11^断掉的",
        encoding="utf-8",
    )
    return source


def test_amazon_cn_ratings(amazon_dir, tmp_path):
    counts = amazon_cn.convert(amazon_dir, tmp_path)
    events = rows(tmp_path, "events")
    assert [event["event_type"] for event in events] == [
        *("buy", "buy", "click", "good", "9.0", "click", "click"),
    ]
    assert events[0] == {
        **{"user_id": "1", "item_id": "7", "event_type": "buy"},
        "timestamp": 1_395_676_800,
    }
    assert [event.get("timestamp") for event in events[5:]] == [None, None]
    assert counts["events"] == {"read": 7, "written": 7, "unreadable": 1}


def test_amazon_cn_products(amazon_dir, tmp_path):
    """Three products carry 电脑/办公, two 存储设备, one each leaf."""
    amazon_cn.convert(amazon_dir, tmp_path)
    assert rows(tmp_path, "items") == [
        {
            "item_id": "7",
            "title": "Fuhlen 富勒 无线鼠标",
            "category": "电脑、办公/外设产品/鼠标",
            "brand": "富勒",
            "tags": ["鼠标", "富勒", "好用"],
        },
        {
            "item_id": "8",
            "title": "金士顿 优盘",
            "category": "电脑、办公/存储设备/U盘",
            "brand": "金士顿",
            "tags": ["U盘", "金士顿"],
        },
        {
            "item_id": "9",
            "title": "西数 移动硬盘",
            "category": "电脑、办公/存储设备/移动硬盘",
        },
        {
            "item_id": "10",
            "title": '致青春(附"珍藏卡")',
            "category": "小说/图书音像",
            "tags": ["致青春", "小说"],
        },
        {"item_id": "11", "title": "断掉的"},
    ]


def test_real_amazon_cn(tmp_path):
    counts = amazon_cn.convert(real("amazon_cn"), tmp_path)
    assert counts["events"]["written"] == counts["events"]["read"] == 44_852
    types = [event["event_type"] for event in rows(tmp_path, "events")]
    assert (types.count("buy"), types.count("click")) == (37_889, 6_963)
    items = rows(tmp_path, "items")
    assert len(items) == 96
    roots = {item["category"].partition("/")[0] for item in items}
    assert {"图书音像", "电脑、办公", "家用电器", "美妆个护"} < roots
    brands = {item["brand"] for item in items if "brand" in item}
    assert {"飞利浦", "联想", "TP-LINK", "乐扣乐扣"} < brands


@pytest.fixture
def movielens_dir(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    texts = {
        "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        "1\t2\t3\t881250949\n1\t1\t4\t881250950.0\n2\t1\t\t881250951\n"
        "2\t1\tfive\tnever\n",
        "item": "item_id:token\tmovie_title:token_seq\trelease_year:token\t"
        "class:token_seq\n1\tToy Story\t1995\tAnimation Children's Comedy\n"
        "2\tSecret, The\t\tunknown\n",
        "user": "user_id:token\tage:token\tgender:token\toccupation:token\t"
        "zip_code:token\n1\t17\tM\tstudent\t85711\n2\t18\tF\tnone\t1\n"
        "3\t99\t\twriter\t1\n4\told\tF\tother\t1\n5\t500\tF\tother\t1\n",
    }
    for kind, text in texts.items():
        (source / f"ml-100k.{kind}").write_text(text)
    return source


def test_movielens(movielens_dir, tmp_path):
    counts = movielens.convert(movielens_dir, tmp_path)
    assert rows(tmp_path, "events") == [
        {"user_id": "1", "item_id": "2", "event_type": "click"}
        | {"timestamp": 881_250_949},
        {"user_id": "1", "item_id": "1", "event_type": "favorite"}
        | {"timestamp": 881_250_950},
        {"user_id": "2", "item_id": "1", "timestamp": 881_250_951},
        {"user_id": "2", "item_id": "1", "event_type": "five"},
    ]
    assert rows(tmp_path, "items") == [
        {
            "item_id": "1",
            "title": "Toy Story (1995)",
            "category": "Animation",
            "tags": ["Animation", "Children's", "Comedy"],
        },
        {"item_id": "2", "title": "Secret, The"},
    ]
    assert rows(tmp_path, "users") == [
        {"user_id": "1", "gender": "M", "age_band": "under 18"}
        | {"level": "student"},
        {"user_id": "2", "gender": "F", "age_band": "18-24"},
        {"user_id": "3", "age_band": "56+", "level": "writer"},
        {"user_id": "4", "gender": "F", "level": "other"},
        {"user_id": "5", "gender": "F", "level": "other"},
    ]
    assert counts == {
        "events": {"read": 4, "written": 4, "unreadable": 1},
        "items": {"read": 2, "written": 2, "unreadable": 0},
        "users": {"read": 5, "written": 5, "unreadable": 2},
    }


def test_movielens_with_another_header(movielens_dir, tmp_path):
    (movielens_dir / "ml-100k.inter").write_text("user_id:token\n1\n")
    with pytest.raises(DataError, match="no column 'item_id:token'; found: us"):
        movielens.convert(movielens_dir, tmp_path)


def test_real_movielens(tmp_path):
    counts = movielens.convert(real("ml_100k"), tmp_path)
    assert {name: count["written"] for name, count in counts.items()} == {
        **{"events": 100_000, "items": 1_682, "users": 943},
    }
    types = [event["event_type"] for event in rows(tmp_path, "events")]
    # GroupLens' own count of 4 and 5 stars.
    assert types.count("favorite") == 34_174 + 21_201


def test_fetch_does_nothing_where_the_files_are(movielens_dir, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    assert movielens.fetch(movielens_dir) == movielens_dir


def _fake_tool(path, monkeypatch, code):
    """Makes the installer a program of our own."""
    program = path / "installer.py"
    program.write_text(code)
    monkeypatch.setattr(
        recbole_package,
        "install_command",
        lambda: [sys.executable, str(program)],
    )


def test_fetch_takes_the_files_out_of_the_pinned_package(tmp_path, monkeypatch):
    _fake_tool(
        tmp_path,
        monkeypatch,
        "import pathlib, sys\n"
        "pin = pathlib.Path(sys.argv[sys.argv.index('-r') + 1]).read_text()\n"
        "assert pin.startswith('recbole==') and '--hash=sha256:' in pin\n"
        "assert {'--no-deps', '--require-hashes'} < set(sys.argv)\n"
        "site = pathlib.Path(sys.argv[sys.argv.index('--target') + 1])\n"
        "folder = site / 'recbole/dataset_example/ml-100k'\n"
        "folder.mkdir(parents=True)\n"
        "for kind in ('inter', 'item', 'user', 'kg'):\n"
        "    (folder / f'ml-100k.{kind}').write_text(kind)\n",
    )
    target = movielens.fetch(tmp_path / "ml")
    assert {path.name: path.read_text() for path in target.iterdir()} == {
        f"ml-100k.{kind}": kind for kind in ("inter", "item", "user")
    }


def test_fetch_without_network_says_so_in_one_line(tmp_path, monkeypatch):
    _fake_tool(
        tmp_path, monkeypatch, "raise SystemExit('no route to the index')"
    )
    with pytest.raises(DataError, match="no route to the index") as caught:
        movielens.fetch(tmp_path / "ml")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "ml").iterdir()) == []


def test_fetch_without_tools_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="needs pip or uv"):
        movielens.fetch(tmp_path / "ml")


def test_fetch_finds_the_uv_of_the_set_up(tmp_path, monkeypatch):
    uv = tmp_path / "daogou" / "tools" / "0123" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert recbole_package.install_command()[:2] == [str(uv), "pip"]


def test_sequences(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "Toys.txt").write_text("u1 5 3 5\nu2 3\n\nu3\n")
    (source / "Toys_item2attributes.json").write_text(
        json.dumps({"3": [1, 2], "5": [2], "9": [2]})
    )
    counts = sequences.convert(source, tmp_path)
    last, day = 1_406_073_600, 86_400
    found = [
        (row.get("user_id"), row.get("item_id"), row["timestamp"])
        for row in rows(tmp_path, "events")
    ]
    assert found == [
        ("u1", "5", last - 2 * day),
        ("u1", "3", last - day),
        ("u1", "5", last),
        ("u2", "3", last),
        ("u3", None, last),
    ]
    assert rows(tmp_path, "items") == [
        {"item_id": "5", "title": "", "category": "属性2", "tags": ["属性2"]},
        {"item_id": "3", "title": "", "category": "属性2"}
        | {"tags": ["属性1", "属性2"]},
    ]
    assert counts == {
        "events": {"read": 5, "written": 5, "unreadable": 0},
        "items": {"read": 0, "written": 2, "unreadable": 0},
    }


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, r"no file \*.txt in"),
        ({"a.txt": b"1 2", "b.txt": b"1 2"}, "2 sequence files: a.txt, b.txt"),
        ({"a.txt": b""}, "table events has no rows"),
        ({"a.txt": b"1 2\n1 \xff\n"}, "line 2 is not .* utf-8: byte 0xff"),
        (
            {"a.txt": b"1 2", "a_item2attributes.json": b"[1]"},
            "not a JSON object of item id",
        ),
        (
            {"a.txt": b"1 2", "a_item2attributes.json": b"{"},
            "not a JSON object of item id",
        ),
    ],
)
def test_bad_sequences(files, says, tmp_path):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=says):
        sequences.convert(tmp_path, tmp_path / "out")


def test_real_beauty(tmp_path):
    counts = sequences.convert(real("beauty"), tmp_path)
    assert counts["events"]["written"] == 198_502
    assert counts["items"]["written"] == 12_101
    events = pq.read_table(tmp_path / "events").to_pandas()
    # Leave-one-out: every user has exactly one step on the last day.
    assert (events["timestamp"] == sequences.LAST_STEP).sum() == 22_363
    assert events["user_id"].nunique() == 22_363
    assert not events.duplicated(["user_id", "timestamp"]).any()
