import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.histories import Step, find_user, sample_users
from cli.main import main
from schema.errors import DataError


def _write(folder, lengths):
    """Writes users u0, u1, …, each with so many steps, on items i0, i1, …"""
    table = pa.table(
        {
            "user_id": [f"u{n}" for n in range(len(lengths))],
            "history_item_ids": pa.array(
                [[f"i{step}" for step in range(n)] for n in lengths],
                pa.list_(pa.string()),
            ),
            "history_event_types": pa.array(
                [["click"] * n for n in lengths], pa.list_(pa.string())
            ),
            "history_timestamps": pa.array(
                [[1_700_000_000 + step for step in range(n)] for n in lengths],
                pa.list_(pa.int64()),
            ),
            "city": ["杭州"] * len(lengths),
        }
    )
    pq.write_table(table, folder / "histories.parquet")
    return folder


def test_a_user_is_found_with_the_steps_in_order(tmp_path):
    user = find_user(_write(tmp_path, [1, 2]), "u1")
    assert user.user_id == "u1"
    assert user.steps == (
        Step(item_id="i0", event_type="click", timestamp=1_700_000_000),
        Step(item_id="i1", event_type="click", timestamp=1_700_000_001),
    )
    assert find_user(tmp_path / "histories.parquet", "u0").user_id == "u0"
    assert find_user(tmp_path, "nobody") is None


def test_samples_spread_over_users_who_did_something(tmp_path):
    _write(tmp_path, [0, 1, 1, 0, 1, 1, 1])
    assert [u.user_id for u in sample_users(tmp_path, 3)] == ["u1", "u4", "u6"]
    assert len(sample_users(tmp_path, 99)) == 5


def test_nobody_did_anything(tmp_path):
    assert sample_users(_write(tmp_path, [0, 0]), 3) == []


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"histories\.parquet cannot be read"):
        find_user(tmp_path, "u0")
    (tmp_path / "histories.parquet").write_bytes(b"no Parquet")
    with pytest.raises(DataError, match=r"histories\.parquet cannot be read"):
        sample_users(tmp_path, 1)


@pytest.fixture
def runs(tmp_path):
    run = tmp_path / "demo" / "latest"
    run.mkdir(parents=True)
    _write(run, [2, 5])
    report = {"histories": {"path": "histories.parquet"}}
    (run / "report.json").write_text(json.dumps(report))
    return tmp_path


def test_the_command_lists_users_newest_items_first(runs):
    result = CliRunner().invoke(main, ["users", "--runs", str(runs)])
    assert result.exit_code == 0
    [row] = [line for line in result.stdout.splitlines() if " u1 " in line]
    assert row.split() == ["u1", "5", "2023-11-14", "i4,", "i3,", "i2"]


def test_json_is_one_document(runs):
    result = CliRunner().invoke(
        main, ["users", "--n", "1", "--runs", str(runs), "--json"]
    )
    [user] = json.loads(result.stdout)["users"]
    assert user["user_id"] == "u0"
    assert user["steps"][-1]["item_id"] == "i1"
