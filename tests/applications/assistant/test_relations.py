import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from applications.assistant.relations import from_columns, learn
from schema.errors import DataError

PHONE, CASE, RICE, FILM = "数码/手机", "数码/壳", "食品/米", "数码/膜"
CATEGORY_OF = {"p": PHONE, "c": CASE, "r": RICE, "f": FILM}
DAY = 86_400


def relations(*histories):
    """Of users, each a list of (item, event, day)."""
    steps = [list(zip(*history, strict=True)) for history in histories]
    return from_columns(
        pa.array([s[0] for s in steps], pa.list_(pa.string())),
        pa.array([s[1] for s in steps], pa.list_(pa.string())),
        pa.array(
            [[int(day * DAY) for day in s[2]] for s in steps],
            pa.list_(pa.int64()),
        ),
        CATEGORY_OF,
    )


def test_what_is_chosen_after_comes_first():
    users = [[("p", "buy", 0), ("c", "buy", 1)]] * 20
    users += [[("p", "buy", 0), ("r", "view", 1)]] * 20
    users += [[("f", "buy", 0), ("r", "buy", 1)]] * 20
    found = relations(*users).beside([PHONE], 3)
    # What was only looked at says nothing; the film is near in the tree.
    assert found == [CASE, FILM, RICE]
    assert PHONE not in found


def test_the_order_counts_and_so_do_days():
    users = [[("c", "buy", 0), ("p", "buy", 30)]] * 30
    users += [[("c", "buy", 0), ("r", "buy", 1)]] * 30
    users += [[("f", "buy", 0), ("p", "buy", 1)]] * 30
    learned = relations(*users)
    assert learned.beside([CASE], 1) == [RICE]


def test_without_any_customer_the_tree_decides():
    learned = relations([("r", "buy", 0)])
    assert set(learned.beside([PHONE], 2)) == {CASE, FILM}
    assert learned.beside(["no such"], 2) == []


def test_users_do_not_mix():
    mixed = relations(*[[("p", "buy", 0)], [("r", "buy", 1)]] * 30)
    assert set(mixed.beside([PHONE], 2)) == {CASE, FILM}


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        learn(tmp_path / "histories.parquet", CATEGORY_OF)
    path = tmp_path / "histories.parquet"
    pq.write_table(
        pa.table(
            {
                "history_item_ids": [["p", "c"]],
                "history_event_types": [["buy", "buy"]],
                "history_timestamps": [[0, 1]],
            }
        ),
        path,
    )
    assert learn(path, CATEGORY_OF).beside([PHONE], 1) == [CASE]
