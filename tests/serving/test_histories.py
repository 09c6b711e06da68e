import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schema.errors import DataError
from serving import histories
from serving.requests import Request

NUM_USERS = 500
USERS = sorted(f"用户{n}" for n in range(NUM_USERS))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("histories")
    text = pa.large_string()
    table = pa.table(
        {
            "user_id": pa.array(USERS, text),
            "history_item_ids": pa.array(
                [[f"i{n}", f"i{n + 1}"] for n in range(NUM_USERS)],
                pa.large_list(text),
            ),
            "history_event_types": [["click", "buy"]] * NUM_USERS,
            "history_timestamps": [[n, n + 1] for n in range(NUM_USERS)],
            "history_queries": [["", "鼠标"]] * NUM_USERS,
            "gender": ["F"] * NUM_USERS,
            "age_band": [""] * NUM_USERS,
            "level": pa.nulls(NUM_USERS, text),
            "city": ["杭州"] * NUM_USERS,
            "device": ["ios"] * NUM_USERS,
            "scene": ["home"] * NUM_USERS,
            "last_timestamp": list(range(10, 10 + NUM_USERS)),
        }
    )
    pq.write_table(table, path / "histories.parquet", row_group_size=20)
    return path


@pytest.mark.parametrize("position", [0, 19, 20, 333, NUM_USERS - 1])
def test_makes_a_request_of_the_users_row(folder, position):
    request = histories.request(folder, USERS[position], query="键盘")
    assert request == Request(
        history_item_ids=[f"i{position}", f"i{position + 1}"],
        history_event_types=["click", "buy"],
        history_queries=["", "鼠标"],
        history_timestamps=[position, position + 1],
        timestamp=10 + position,
        query="键盘",
        gender="F",
        city="杭州",
        device="ios",
        scene="home",
    )


def test_reads_only_the_group_that_may_hold_the_user(folder, monkeypatch):
    read = []
    read_row_group = pq.ParquetFile.read_row_group

    def counted(self, group, *args, **kwargs):
        read.append(group)
        return read_row_group(self, group, *args, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    file = folder / "histories.parquet"
    assert histories.read_user(file, USERS[333])["user_id"] == USERS[333]
    assert set(read) == {333 // 20}


@pytest.mark.parametrize("user_id", ["", "nobody", "用户99x"])
def test_nothing_is_known_of_a_stranger(folder, user_id):
    request = histories.request(folder, user_id)
    assert request.history_item_ids == ()
    assert request.timestamp > 1_700_000_000


def test_names_what_is_wrong_with_the_file(tmp_path):
    with pytest.raises(DataError, match=r"histories\.parquet cannot be read"):
        histories.request(tmp_path, "u")
    path = tmp_path / "histories.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match=r"histories\.parquet cannot be read"):
        histories.request(tmp_path, "u")
    pq.write_table(pa.table({"user_id": ["u"]}), path)
    with pytest.raises(DataError, match="no column 'history_item_ids'"):
        histories.request(tmp_path, "u")


def test_parts_of_a_history_belong_together():
    with pytest.raises(DataError, match="history_queries 0"):
        Request(
            history_item_ids=["a"],
            history_event_types=["buy"],
            history_timestamps=[1],
        )
