"""TFDV's comparators on real spans of the simulated mall."""

import itertools

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from components.data_gate.drift import Compared, drift
from components.data_gate.gate import check_tables
from components.data_gate.settings import DataGateSettings
from datasets.mall.generator import generate
from datasets.mall.settings import MallSettings
from schema import loader
from schema.errors import DataError

MALL = MallSettings(
    num_items=400, num_users=200, num_days=6, sessions_per_user_day=0.5
)


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """The events of each day, with everything that is wrong with them."""
    root = tmp_path_factory.mktemp("mall")
    generate(MALL, root)
    events = pq.read_table(root / "events")
    times = pc.fill_null(events["timestamp"], 0)
    return [
        events.filter(
            pc.and_(
                pc.greater_equal(times, MALL.day_start(day)),
                pc.less(times, MALL.day_start(day + 1)),
            )
        )
        for day in range(MALL.num_days)
    ]


def moved(folder, now, before):
    for name, table in (("now", now), ("before", before)):
        pq.write_table(table, folder / f"{name}.parquet")
    return list(
        drift(
            Compared(
                table="events",
                span=str(folder / "now.parquet"),
                before=str(folder / "before.parquet"),
                schema=str(loader.path("events")),
            )
        )
    )


def with_column(table, name, values):
    return table.set_column(table.column_names.index(name), name, values)


def test_ordinary_days_pass(days, tmp_path):
    for before, now in itertools.pairwise(days):
        assert moved(tmp_path, now, before) == []


def test_a_price_in_another_unit_stops_and_can_be_allowed(days, tmp_path):
    now = days[3]
    cents = pc.cast(pc.multiply(now["price"], 100), pa.float32(), safe=False)
    found = moved(tmp_path, with_column(now, "price", cents), days[2])
    assert [one.column for one in found] == ["price"]
    kind = "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH"
    assert found[0].kinds == (kind,)
    with pytest.raises(DataError, match=r"events\.price: .*Jensen-Shannon"):
        check_tables({}, DataGateSettings(), found)
    allowed = DataGateSettings(allowed_anomalies=(f"events.price:{kind}",))
    assert check_tables({}, allowed, found) == 1


def test_a_log_that_lost_a_scene_stops(days, tmp_path):
    now = with_column(days[3], "scene", pa.array(["home"] * days[3].num_rows))
    found = moved(tmp_path, now, days[2])
    assert [one.column for one in found] == ["scene"]
    assert found[0].kinds == ("COMPARATOR_L_INFTY_HIGH",)


def test_without_a_time_before_there_is_nothing_to_compare(days, tmp_path):
    assert moved(tmp_path, days[0], days[0].slice(0, 0)) == []
