import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from applications.churn import learning, quality
from applications.churn.marketing import marketing_table, write_table
from applications.churn.settings import ChurnSettings
from schema.errors import DataError
from tests.shop_tables import at, read, write

ITEMS = [{"item_id": "i1", "title": "鼠标", "category": "电脑", "price": 9.0}]
SETTINGS = ChurnSettings(days=3, look_back_days=5)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Half come every day, half stop after a visit or two."""
    random = np.random.default_rng(0)
    events = []
    for user in range(80):
        days = range(25) if user % 2 else random.choice(25, 4, replace=False)
        events += [
            {
                "user_id": f"u{user:02}",
                "timestamp": at(int(day) + 0.5) + user,
                "event_type": "buy" if day % 5 == 0 else "click",
                "item_id": "i1",
            }
            for day in days
        ]
    folder = tmp_path_factory.mktemp("tables")
    return read(write(folder, events=events, items=ITEMS))


@pytest.fixture(scope="module")
def table(log):
    problem = learning.problem_of(log, SETTINGS, as_of=at(25))
    return marketing_table(
        problem.model(), problem.asked, SETTINGS, as_of=at(25), num_drivers=50
    )


def test_those_who_come_every_day_are_at_little_risk(table):
    rows = table.to_pylist()
    chances = [row["probability"] for row in rows]
    assert chances == sorted(chances, reverse=True)
    steady = [r["probability"] for r in rows if int(r["user_id"][1:]) % 2]
    others = [r["probability"] for r in rows if not int(r["user_id"][1:]) % 2]
    assert len(steady) == 40
    assert max(steady) < 0.3 < min(others)
    assert rows[0]["risk"] == "高"
    assert rows[-1]["risk"] == "低"
    last = next(row for row in rows if row["user_id"] == "u01")
    assert last["last_active"] == "2025-11-27 12:00"
    # Five orders of 9 CNY; a table needs no users table.
    assert last["value"] == 45.0
    assert last["as_of"] == "2025-11-28 00:00"


def test_drivers_in_words_sum_to_the_logit(table):
    numbers = [
        name.removeprefix("driver_")
        for name in table.column_names
        if name.startswith("driver_")
    ]
    for row in table.to_pylist():
        parts = [row[f"contribution_{n}"] for n in numbers]
        chance = row["probability"]
        assert row["base"] + sum(parts) == pytest.approx(
            np.log(chance / (1 - chance))
        )
        assert np.abs(parts).tolist() == sorted(np.abs(parts), reverse=True)
        assert all(row[f"driver_{n}"] for n in numbers)
    said = " ".join(table["driver_1"].to_pylist())
    assert "天" in said
    assert "{" not in said


def test_parquet_and_csv_come_back_as_they_were(table, tmp_path):
    for name in ("churn.parquet", "churn.csv"):
        write_table(table, tmp_path / name)
    assert pq.read_table(tmp_path / "churn.parquet").equals(table)
    raw = (tmp_path / "churn.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    text = pa.csv.ConvertOptions(column_types=table.schema)
    again = pa.csv.read_csv(tmp_path / "churn.csv", convert_options=text)
    assert again.column_names == table.column_names
    for name in table.column_names:
        values = table[name].to_pylist()
        if pa.types.is_floating(table[name].type):
            values = pytest.approx(values)
        assert again[name].to_pylist() == values, name
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "churn.csv",
        "churn.parquet",
    ]
    with pytest.raises(DataError, match=r"'\.xlsx'; allowed: \.parquet, \.csv"):
        write_table(table, tmp_path / "churn.xlsx")


def test_a_prediction_does_not_look_at_what_came_after(log):
    asked = learning.problem_of(log, SETTINGS, as_of=at(20))
    known = learning.problem_of(log.before(at(20)), SETTINGS, as_of=at(20))
    for one, other in (
        (asked.training, known.training),
        (asked.asked, known.asked),
    ):
        assert one.users.tolist() == other.users.tolist()
        for name, values in one.columns.items():
            assert str(values.tolist()) == str(other.columns[name].tolist())
    assert asked.training.lost.tolist() == known.training.lost.tolist()


def test_one_fate_for_all_is_refused(tmp_path):
    events = [
        {
            "user_id": user,
            "timestamp": at(day),
            "event_type": "click",
            "item_id": "i1",
        }
        for user in ("u1", "u2")
        for day in range(20)
    ]
    always = read(write(tmp_path, events=events, items=ITEMS))
    with pytest.raises(DataError, match="none are lost after 3 days"):
        learning.problem_of(always, SETTINGS)


def test_lift_and_lead():
    lost = np.array([True] * 5 + [False] * 15)
    perfect, useless = lost.astype(float), np.zeros(20)
    # The top tenth are two users, both lost, where a quarter is.
    assert quality.lift(lost, perfect) == 4.0
    assert quality.lift(lost, useless) == 1.0
    # One of the two at the edge is lost.
    assert quality.lift(lost, np.array([0.9] * 4 + [0.0] * 16)) == 4.0
    lead = quality.auc_lead(
        lost, perfect, useless, np.arange(20).astype(object)
    )
    assert lead["auc"] == 0.5
    assert lead["interval"] == (0.5, 0.5)
