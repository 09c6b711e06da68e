import numpy as np
import pyarrow as pa
import pytest

from benchmarks.intent import job_size
from schema.contract import EVENT_TYPES
from schema.errors import DaogouError

ITEMS = pa.array([f"i{n}" for n in range(3000)])


def test_everybody_has_browsed_as_many_items_as_asked_for():
    size = job_size.Size(users=300, browsed=50)
    log = job_size.make_log(ITEMS, size)
    assert log.equals(job_size.make_log(ITEMS, size))
    counted = log.group_by("user_id").aggregate([("item_id", "count_distinct")])
    assert len(counted) == 300
    distinct = counted["item_id_count_distinct"].to_numpy()
    assert (distinct >= 50).all()
    assert set(log["event_type"].to_pylist()) <= set(EVENT_TYPES)
    times = log["timestamp"].to_numpy()
    assert (np.diff(times) >= 0).all()
    assert np.ptp(times) < 22 * 86_400
    # Views, and what some of them led to.
    kinds = dict(
        zip(
            *np.unique(log["event_type"].to_pylist(), return_counts=True),
            strict=True,
        )
    )
    assert kinds["view"] == 300 * 60
    assert kinds["click"] / kinds["view"] == pytest.approx(0.6, abs=0.02)
    assert kinds["buy"] < kinds["cart"] < kinds["click"]


def test_a_command_tells_its_cost_or_why_it_failed():
    told = job_size._run(["version"])
    assert told["seconds"] > 0
    assert 0 < told["cpu_seconds"] < 60
    assert 5 < told["peak_mb"] < 1000
    with pytest.raises(DaogouError, match=r"daogou users --n 0: .*--n"):
        job_size._run(["users", "--n", "0"])
