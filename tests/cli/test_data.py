import pathlib

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.data import PUBLIC_SOURCES
from cli.main import main

SHARED = pathlib.Path(__file__).parents[2] / ".." / "shared" / "data"


def _call(*words):
    return CliRunner().invoke(main, ["data", *map(str, words)])


@pytest.fixture
def own(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "log [1].csv").write_text(
        "uid,sku,type,ts\nu1,a,浏览,1700000000000\nu2,b,buy,1700000100000\n",
        encoding="gb18030",
    )
    (tmp_path / "goods.csv").write_text(
        "sku,name\na,鼠标\nb,键盘\n", encoding="gb18030"
    )
    return tmp_path


def _convert(folder, *more):
    return _call(
        "convert",
        "--source=csv",
        f"--events={folder / 'in' / 'log [1].csv'}",
        f"--items={folder / 'goods.csv'}",
        f"--to={folder / 'out'}",
        *more,
    )


MAPPING = (
    "--map=user_id=uid",
    "--map=item_id=sku",
    "--map=event_type=type",
    "--map=timestamp=ts",
    "--map=items.title=name",
    "--event-type=浏览=view",
    "--time-unit=ms",
    "--encoding=gb18030",
)


def test_own_files_become_tables_that_pass_the_check(own):
    result = _convert(own, *MAPPING)
    assert result.exit_code == 0, result.stderr
    assert "events: 2 read, 2 written, 0 unreadable" in result.stdout
    events = pq.read_table(own / "out" / "events").to_pylist()
    assert [
        (e["user_id"], e["item_id"], e["event_type"], e["timestamp"])
        for e in events
    ] == [("u1", "a", "view", 1_700_000_000), ("u2", "b", "buy", 1_700_000_100)]
    items = pq.read_table(own / "out" / "items").to_pylist()
    assert [item["title"] for item in items] == ["鼠标", "键盘"]
    checked = _call("check", own / "out")
    assert checked.exit_code == 0
    assert "nothing to object to" in checked.stdout


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--map=user_id"], "LEFT=RIGHT"),
        (["--map=user=uid"], "'user' is no column of events, items"),
        (["--map=users.user_id=uid"], "'users.user_id' is no column"),
        (["--map=user_id=a", "--map=user_id=b"], "given twice"),
        (["--map=user_id=nosuch", "--encoding=gb18030"], "nosuch"),
        (["--event-type=浏览=look"], "event_types"),
        (["--delimiter=tab"], "one character"),
        (["--from=."], "--from stands alone"),
    ],
)
def test_wrong_options_name_what_is_wrong(own, more, said):
    result = _convert(own, *more)
    assert result.exit_code == 1
    assert said in result.stderr
    assert "defect" not in result.stderr
    assert not (own / "out" / "events").exists()


def test_sources_say_what_they_need(tmp_path):
    result = _call("convert", "--source=jdata", f"--to={tmp_path}")
    assert result.exit_code == 1
    assert "--source jdata needs --from DIR" in result.stderr
    result = _call("convert", "--source=csv", f"--to={tmp_path}")
    assert "--source csv needs --events FILE" in result.stderr


def test_a_missing_file_of_a_public_source_is_named(tmp_path):
    result = _call(
        "convert", "--source=taobao", f"--from={tmp_path}", f"--to={tmp_path}/t"
    )
    assert result.exit_code == 1
    assert "UserBehavior.csv" in result.stderr


@pytest.mark.parametrize(
    ("source", "folder"),
    zip(
        PUBLIC_SOURCES,
        ("jdata", "taobao", "amazon_cn", "ml_100k", "beauty"),
        strict=True,
    ),
)
def test_public_sources_become_tables(tmp_path, source, folder):
    if not (SHARED / folder).is_dir():
        pytest.skip(f"{folder} is not in ../shared/data")
    result = _call(
        "convert",
        f"--source={source}",
        f"--from={SHARED / folder}",
        f"--to={tmp_path}",
    )
    assert result.exit_code == 0, result.stderr
    checked = _call("check", tmp_path)
    assert checked.exit_code == 0, checked.stdout
    rows = pq.ParquetFile(tmp_path / "events" / "part-00000.parquet").metadata
    assert f"{rows.num_rows:,} events" in checked.stdout


def test_the_mall_takes_the_sizes_that_are_asked_for(tmp_path):
    result = _call(
        "generate",
        f"--output={tmp_path}",
        "--items=400",
        "--users=40",
        "--days=10",
        "--seed=3",
    )
    assert result.exit_code == 0, result.stderr
    assert pq.read_table(tmp_path / "items").num_rows == 400
    assert "items: 400" in result.stdout
    assert f"simulated tables: {tmp_path}" in result.stdout
    assert _call("check", tmp_path).exit_code == 0


def test_a_size_that_is_not_allowed_is_named(tmp_path):
    result = _call("generate", f"--output={tmp_path}", "--items=5")
    assert result.exit_code == 1
    assert "num_items is 5" in result.stderr
