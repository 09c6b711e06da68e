import csv
import json

import pytest
from click.testing import CliRunner

from cli.main import main
from tests.shop_tables import at, write

ITEMS = [
    {"item_id": "i1", "title": "鼠标", "category": "电脑/外设", "price": 9.0},
    {"item_id": "i2", "title": "大米", "category": "食品/粮油", "price": 5.0},
]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Odd users come daily, of the others one in three days."""
    events = [
        {
            "user_id": f"u{user:02}",
            "timestamp": at(day + 0.5),
            "event_type": "click",
            "item_id": "i1" if user % 2 else "i2",
        }
        for user in range(40)
        for day in range(20)
        if user % 2 or (day + user // 2) % 3 == 0
    ]
    folder = tmp_path_factory.mktemp("tables")
    return str(write(folder, events=events, items=ITEMS))


def _run(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_churn_writes_a_table_for_marketing(tables, tmp_path):
    path = tmp_path / "churn.csv"
    words = "churn", "--data", tables, "--days", "2", "--look-back", "4"
    done = _run(*words, "--output", str(path))
    assert done.exit_code == 0
    assert "Vectors of the towers: left out, as there is no run" in done.output
    assert f"table: {path}" in done.output
    with open(path, encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 40
    odd = [row for row in rows if int(row["user_id"][1:]) % 2]
    # Who came every day was never lost, so far.
    assert {row["risk"] for row in odd} == {"低"}
    assert int(rows[0]["user_id"][1:]) % 2 == 0
    assert rows[0]["driver_1"]
    printed = _run(*words, "--json", "--drivers", "1")
    told = json.loads(printed.output)
    assert [row["user_id"] for row in told] == [r["user_id"] for r in rows]
    assert "driver_2" not in told[0]


def test_profile_is_one_json_document(tables):
    done = _run("profile", "--user", "u01", "--data", tables, "--json")
    found = json.loads(done.output)
    assert found["traits"]["categories"][0]["value"] == "电脑/外设"
    shown = _run("profile", "--user", "u01", "--data", tables)
    assert "电脑/外设" in shown.output
    assert "不足以判断" in shown.output
    assert "宗教信仰" in shown.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["profile", "--user", "u99"], "no user 'u99' before this time; near"),
        (["churn", "--days", "30"], "the log spans 19.0 days"),
        (["churn", "--output", "churn.xlsx"], "allowed: .parquet, .csv"),
        (["churn", "--as-of", "gestern"], "'gestern' is no moment"),
        (["churn", "--preset", "demo"], "exclude each other"),
    ],
)
def test_bad_input_is_named(tables, words, message, capfd):
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--data", tables])
    assert stopped.value.code == 1
    assert message in capfd.readouterr().err
