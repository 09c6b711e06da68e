"""Shoppers who stop coming, where the mall has such."""

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from datasets import mall
from datasets.mall.settings import DAY_SECONDS
from datasets.mall.visits import draw_leavers
from schema.settings import SettingsError

STAYING = mall.MallSettings(
    num_items=400,
    num_users=200,
    num_days=8,
    new_items_per_day=8,
    sessions_per_user_day=0.5,
    duplicate_share=0.0,
    bad_row_share=0.0,
    num_bots=1,
)
LEAVING = dataclasses.replace(STAYING, leaving=0.5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    found = {}
    for settings in (STAYING, LEAVING):
        found[settings.leaving] = tmp_path_factory.mktemp("mall")
        mall.generate(settings, found[settings.leaving])
    return found


def test_who_left_is_not_seen_again(folders):
    folder = folders[LEAVING.leaving]
    users = pq.read_table(folder / "ground_truth" / "users")
    events = pq.read_table(folder / "events")
    left = dict(
        zip(
            users["user_id"].to_pylist(),
            users["left_day"].to_pylist(),
            strict=True,
        )
    )
    start = LEAVING.day_start(0)
    last: dict[str, int] = {}
    for user, time in zip(
        events["user_id"].to_pylist(),
        events["timestamp"].to_pylist(),
        strict=True,
    ):
        last[user] = max(last.get(user, 0), time)
    gone = [user for user, day in left.items() if day >= 0]
    assert 50 < len(gone) < 200
    for user in gone:
        # A visit may go on for minutes past midnight.
        assert start <= last[user] < start + (left[user] + 1.1) * DAY_SECONDS
        assert last[user] >= start + left[user] * DAY_SECONDS


def test_leaving_changes_nothing_before_the_first_has_left(folders):
    """The first day's visits are drawn as if nobody ever left."""
    ends = STAYING.day_start(1)
    tables = [pq.read_table(folder / "events") for folder in folders.values()]
    days = [table.filter(pc.less(table["timestamp"], ends)) for table in tables]
    assert days[0].num_rows > 0
    assert days[0].equals(days[1])
    assert tables[0].num_rows > tables[1].num_rows
    truth = folders[0.0] / "ground_truth" / "users"
    assert "left_day" not in pq.read_table(truth).column_names


def test_visits_in_vain_drive_people_away():
    users = np.repeat(np.arange(8000), 2)
    satisfied = np.arange(8000) % 2 == 0
    leavers = draw_leavers(LEAVING, users, satisfied, 3)
    assert len(set(leavers.tolist())) == len(leavers)
    shares = [(leavers % 2 == odd).sum() / 4000 for odd in (0, 1)]
    assert shares == pytest.approx([0.125, 0.5], abs=0.03)
    assert not len(draw_leavers(STAYING, users, satisfied, 3))


def test_the_chance_is_checked():
    with pytest.raises(SettingsError, match="leaving"):
        mall.MallSettings(leaving=1.5)
