import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.main import main
from schema.errors import DataError
from serving.rollout import ab_report
from serving.rollout.split import Exposure, ExposureLog, Split

PERCENT = {"canary": 50.0, "stable": 50.0}


def exposure(user_id, arm, time=10.0, error=""):
    return {"user_id": user_id, "arm": arm, "time": time, "error": error}


def shown(canary, stable):
    return [
        *(exposure(f"c{n}", "canary") for n in range(canary)),
        *(exposure(f"s{n}", "stable") for n in range(stable)),
    ]


def bought(canary, stable):
    return [
        *((f"c{n}", 11.0) for n in range(canary)),
        *((f"s{n}", 11.0) for n in range(stable)),
    ]


def report(exposures, conversions):
    return ab_report.report("x", exposures, conversions, PERCENT, "stable")


def test_the_difference_is_newcombe_s():
    """56 of 70 and 48 of 80 are the first example of his table II."""
    arm = report(shown(70, 80), bought(56, 48)).arms["canary"]
    assert (arm.users, arm.converted) == (70, 56)
    assert arm.lift == pytest.approx(0.2)
    assert arm.lift_low == pytest.approx(0.0524, abs=5e-5)
    assert arm.lift_high == pytest.approx(0.3339, abs=5e-5)
    # z = 0.2 / sqrt(104 / 150 · 46 / 150 · (1 / 70 + 1 / 80)) = 2.6505
    assert arm.p == pytest.approx(0.00804, abs=5e-5)


def test_the_control_stands_first_and_has_no_lift():
    found = report(shown(10, 10), bought(0, 1))
    assert list(found.arms) == ["stable", "canary"]
    assert found.arms["stable"].lift is None
    assert found.arms["stable"].rate == 0.1
    # Wilson's interval of 0 of 10.
    assert found.arms["canary"].low == 0
    assert found.arms["canary"].high == pytest.approx(0.2775, abs=5e-5)


def test_only_what_came_after_the_first_answer_counts_and_once():
    exposures = [
        exposure("c", "canary", 20.0),
        exposure("c", "canary", 10.0),
        exposure("s", "stable", 10.0),
        exposure("t", "stable", 10.0, error="UNAVAILABLE"),
    ]
    events = [("c", 15.0), ("c", 16.0), ("s", 9.0), ("t", 12.0), ("?", 11.0)]
    arms = report(exposures, events).arms
    assert (arms["canary"].converted, arms["canary"].users) == (1, 1)
    assert (arms["stable"].converted, arms["stable"].users) == (0, 1)
    assert (arms["stable"].errors, arms["stable"].calls) == (1, 2)


def test_who_was_in_several_arms_counts_for_none():
    exposures = [exposure("c", "canary"), exposure("c", "stable", 20.0)]
    found = report([*shown(5, 5), *exposures], [("c", 30.0)])
    assert found.in_several_arms == 1
    assert [arm.users for arm in found.arms.values()] == [5, 5]
    assert not any(arm.converted for arm in found.arms.values())


def test_a_split_that_lost_users_is_seen():
    # chi² = 2 · 150² / 4850 = 9.278 and 2 · 300² / 5000 = 36.
    assert ab_report.sample_ratio_p([5000, 4700], [1, 1]) == pytest.approx(
        0.00232, abs=5e-5
    )
    assert report(shown(500, 470), []).ratio_ok
    assert not report(shown(530, 390), []).ratio_ok
    assert ab_report.sample_ratio_p([30, 70], [3, 7]) == pytest.approx(1)


def test_arms_that_the_split_does_not_have():
    with pytest.raises(DataError, match="gives 'blue' no users"):
        report([exposure("u", "blue")], [])


@pytest.fixture
def files(tmp_path):
    """An experiment: exposures, split and events as files."""
    log = ExposureLog(tmp_path / "exposures.jsonl")
    for n in range(40):
        for name, arm in (("x", ("canary", "stable")[n % 2]), ("old", "a")):
            log.add(
                Exposure(
                    time=100.0,
                    experiment=name,
                    user_id=f"用户{n}",
                    arm=arm,
                    version=1,
                    milliseconds=2.0,
                )
            )
    log.close()
    Split(name="x", percent=PERCENT).write(tmp_path / "split.json")
    pq.write_table(
        pa.table(
            {
                "user_id": [f"用户{n}" for n in (0, 2, 4, 1, 6)],
                "event_type": ["buy", "buy", "click", "buy", "buy"],
                "timestamp": [101, 102, 103, 104, 99],
            }
        ),
        tmp_path / "events.parquet",
    )
    return tmp_path


def call(folder, *words):
    return CliRunner().invoke(
        main,
        [
            *("ab-report", "--exposures", str(folder / "exposures.jsonl")),
            *("--split", str(folder / "split.json")),
            *("--events", str(folder / "events.parquet"), *words),
        ],
    )


def test_the_command_reads_what_services_and_shop_wrote(files):
    result = call(files, "--json")
    assert result.exit_code == 0, result.output
    arms = json.loads(result.stdout)["arms"]
    assert {name: arm["converted"] for name, arm in arms.items()} == {
        "stable": 1,
        "canary": 2,
    }
    assert arms["canary"]["users"] == 20
    shown = call(files, "--conversion", "click").stdout
    assert "5.00%" in shown
    assert "are as the split has them" in shown


def test_files_that_cannot_be_read(files):
    Split(name="none", percent=PERCENT).write(files / "split.json")
    result = call(files)
    assert result.exit_code == 1
    assert "has nothing of 'none'; it has old, x" in result.stderr
    with (files / "exposures.jsonl").open("a") as log:
        log.write('{"experiment": "none"}\n')
    assert "line 81 is no exposure" in call(files).stderr
    (files / "events.parquet").write_text("no table")
    Split(name="x", percent=PERCENT).write(files / "split.json")
    log = (files / "exposures.jsonl").read_text().splitlines()[:-1]
    (files / "exposures.jsonl").write_text("\n".join(log))
    assert "events.parquet cannot be read" in call(files).stderr
