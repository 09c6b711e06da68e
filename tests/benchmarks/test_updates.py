"""What a day of the comparison knows, and how its figures are joined."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import updates
from benchmarks.updates import ANEW, ONCE, UPDATED
from datasets.mall.settings import MallSettings
from models.metrics.catalogue_order import UNREACHABLE

MALL = MallSettings(
    num_items=400, num_users=60, num_days=6, sessions_per_user_day=0.5
)


@pytest.fixture(scope="module")
def mall(tmp_path_factory):
    return updates._Mall(MALL, tmp_path_factory.mktemp("mall"))


def test_nothing_of_a_later_day_is_known(mall, tmp_path):
    seen = []
    for day in (2, 3):
        mall.write(tmp_path, day)
        end = MALL.day_start(day + 1)
        events = pq.read_table(tmp_path / "events")["timestamp"].to_numpy()
        listed = pq.read_table(tmp_path / "items")["listed_at"].to_numpy()
        assert end - 86_400 <= events.max() < end
        assert listed.max() < end
        seen.append((len(events), len(listed)))
    # The next day brings events, and the items that were listed on it.
    assert seen[1][0] > seen[0][0]
    assert seen[1][1] == seen[0][1] + MALL.new_items_per_day


class Day:
    def __init__(self, unchanged, seconds):
        self.unchanged = np.array(unchanged)
        self.row = {"seconds": seconds}


def test_queries_of_all_days_count_alike():
    costs = {
        UPDATED: {"wall": 4.0, "cpu": 1.0},
        ANEW: {"wall": 9.0, "cpu": 8.0},
    }
    first = {
        ONCE: np.array([0, UNREACHABLE]),
        UPDATED: np.array([0, 60]),
        ANEW: np.array([0, 2]),
    }
    second = {ONCE: np.array([70]), UPDATED: np.array([1]), ANEW: np.array([0])}
    found = updates._summary(
        [
            (Day([True, False], costs), first),
            (Day([True], costs), second),
        ]
    )
    assert found["all"]["queries"] == 3
    recalls = {n: m["recall@50"] for n, m in found["all"]["models"].items()}
    assert recalls == {ONCE: 0.3333, UPDATED: 0.6667, ANEW: 1.0}
    assert found["of_training_anew"]["recall@50"] == 0.6667
    assert found["share_of_time"] == 0.125
    assert found["seconds"][ANEW] == {"wall": 18.0, "cpu": 16.0}
    unchanged = found["unchanged"]
    assert unchanged["queries"] == 2
    assert unchanged["models"][UPDATED]["recall@50"] == 1.0
    # Ranks 0 and 1.
    assert unchanged["models"][UPDATED]["ndcg@10"] == 0.8155
