"""Which version an update goes on with, and what of the events is new."""

import dataclasses
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.data_gate.drift import Compared
from components.update_plan import records
from components.update_plan.plan import Plan
from components.update_plan.planning import ANEW, make_plan
from components.update_plan.records import Record
from components.update_plan.settings import PlanSettings
from datasets.tables import conform
from schema.errors import DataError
from schema.settings import SettingsError

DAY = 86_400
START = 1_700_000_000
SETTINGS = PlanSettings(positive_event_types=("click",), eval_share=0.25)


class Home:
    """The folders of a pipeline on a disk that its pods share."""

    def __init__(self, root: pathlib.Path):
        self.root = root
        self.data = root / "data"
        self.versions = root / "versions"

    def add_events(self, name, *times):
        """Leaves a file of clicks."""
        folder = self.data / "events"
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.table(
            {
                "user_id": ["u1"] * len(times),
                "item_id": ["i1"] * len(times),
                "event_type": ["click"] * len(times),
                "timestamp": pa.array(times, pa.int64()),
            }
        )
        pq.write_table(conform(table, "events"), folder / f"{name}.parquet")

    def push(self, version, span):
        """Leaves a version, and word of it."""
        record = Record(
            version=version,
            path=str(self.root / "serving" / version),
            model=str(self.root / version / "model"),
            model_run=str(self.root / version / "run"),
            span=span,
        )
        for path in (
            pathlib.Path(record.path, "saved_model.pb"),
            pathlib.Path(record.model_run, "warm_start", "manifest.json"),
        ):
            path.parent.mkdir(parents=True)
            path.touch()
        record.write(str(self.versions))
        return record

    def plan(self, warm_start="", span="", settings=SETTINGS):
        """Plans an update."""
        folder = self.root / "plan"
        made = make_plan(
            data_dir=str(self.data),
            records_dir=str(self.versions),
            warm_start=warm_start,
            span=span,
            folder=str(folder),
            settings=settings,
        )
        assert Plan.read(str(folder)) == made
        return made


@pytest.fixture
def home(tmp_path):
    """Two days of clicks, one an hour, a file each."""
    home = Home(tmp_path)
    for day in (0, 1):
        hours = (START + day * DAY + 3600 * n for n in range(24))
        home.add_events(f"day-{day}", *hours)
    return home


def clicks(path):
    return pq.read_table(path)["timestamp"].to_pylist()


def test_the_first_run_trains_anew_and_says_what_it_has_learned(home):
    assert home.plan() == Plan(learned="day-1")


def test_what_came_after_the_last_version_is_new(home):
    record = home.push("1700100000", "day-1")
    now = START + 2 * DAY
    # One event is late; it neither begins the span nor evaluates.
    home.add_events("day-2", START + DAY, now, now + 10, now + 20, now + 30)
    plan = home.plan()
    assert plan.warm_start == record.model_run
    assert plan.last_version == record.model
    assert plan.learned == "day-2"
    # Three quarters of the four targets that are not late come before it.
    assert plan.split_timestamp == now + 30
    assert clicks(plan.span) == [now + 10 * n for n in range(4)]
    # A span is held against a day at least, late events among them.
    hours = [START + DAY + 3600 * n for n in range(24)]
    assert sorted(clicks(plan.before)) == [START + DAY, *hours]
    [pair] = Compared.of_plan(plan, "events.pbtxt")
    assert (pair.table, pair.schema) == ("events", "events.pbtxt")
    assert Compared.of_plan(Plan(), "events.pbtxt") == []


def test_missed_days_are_learned_together_and_drift_may_be_let_pass(home):
    home.push("1700100000", "day-0")
    home.add_events("day-2", *(START + 2 * DAY + n for n in range(4)))
    anyhow = dataclasses.replace(SETTINGS, allow_drift=True)
    plan = home.plan(settings=anyhow)
    # 28 targets in two files, the last seven of them evaluate.
    assert plan.split_timestamp == START + DAY + 3600 * 21
    assert (plan.span, plan.before) == ("", "")


def test_nothing_new_is_an_error_that_says_what_to_do(home):
    home.push("1700100000", "day-1")
    with pytest.raises(DataError, match=r"newer than 'day-1'.*warm_start=anew"):
        home.plan()


def test_parameters_name_a_span_and_a_version(home):
    home.push("1700100000", "day-1")
    home.add_events("day-00", *(START + DAY // 2 + n for n in range(4)))
    # A day that was missed comes before what was learned, in name and time.
    plan = home.plan(span="day-00")
    assert plan.split_timestamp == START + DAY // 2 + 3
    assert plan.learned == "day-1"
    with pytest.raises(DataError, match=r"span is 'day-9'; allowed.*'day-1'"):
        home.plan(span="day-9")
    named = home.plan(warm_start="/other/run", span="day-1")
    assert (named.warm_start, named.last_version) == ("/other/run", "")
    assert home.plan(warm_start="/other/run").split_timestamp == 0
    assert home.plan(warm_start=ANEW) == Plan(learned="day-1")


def test_events_that_are_too_old_are_refused(home):
    home.push("1700100000", "day-1")
    home.add_events("day-2", START - 30 * DAY, START + 2 * DAY)
    with pytest.raises(DataError, match=r"1 of 2 events happened before"):
        home.plan()


def test_a_version_that_is_gone_is_not_gone_on_with(home):
    older = home.push("1700100000", "day-0")
    newer = home.push("1700200000", "day-1")
    assert records.newest(str(home.versions)) == newer
    pathlib.Path(newer.path, "saved_model.pb").unlink()
    assert records.newest(str(home.versions)) == older
    pathlib.Path(older.model_run, "warm_start", "manifest.json").unlink()
    assert records.newest(str(home.versions)) is None
    assert records.newest(str(home.root / "nowhere")) is None


def test_a_record_is_whole_or_not_there(home):
    home.push("1700100000", "day-0")
    assert [p.name for p in home.versions.iterdir()] == ["1700100000.json"]
    (home.versions / "1700200000.json").write_text('{"version": "17')
    with pytest.raises(DataError, match=r"1700200000\.json is no record"):
        home.plan()


def test_no_events_and_bad_settings_are_named(tmp_path):
    with pytest.raises(DataError, match=r"data/events has no \.parquet"):
        Home(tmp_path).plan()
    with pytest.raises(SettingsError, match="eval_share"):
        dataclasses.replace(SETTINGS, eval_share=1.0)
    given = json.loads(SETTINGS.to_json())
    assert PlanSettings.from_json(json.dumps(given)) == SETTINGS
