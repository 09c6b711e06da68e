"""What Kubeflow would run of the compiled spec, run without a cluster.

Ten minutes of one processor, five for each of two runs, so they run where
they are asked for: `DAOGOU_KUBEFLOW=1 make test`.
"""

import json
import os
import pathlib
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline import kubeflow_runner
from serving.in_process import Recommender
from serving.requests import Request
from tests.kubeflow_launcher import Launcher

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        "DAOGOU_KUBEFLOW" not in os.environ,
        reason="DAOGOU_KUBEFLOW is not set: ten minutes more",
    ),
]

CHECKOUT = pathlib.Path(__file__).parents[2]
# Of the shop's events, by time, that come in with the second run.
NEW = 0.2


class Cluster:
    """The disk that all pods of two runs of one pipeline share."""

    def __init__(self, root: pathlib.Path, tables: pathlib.Path):
        self.root = root
        self.data = root / "data"
        shutil.copytree(tables, self.data)
        self._new = self._take_out_what_is_new()
        self._spec = root / "tiny.yaml"
        schemas = kubeflow_runner.compile_pipeline(
            preset="tiny",
            output=self._spec,
            image="registry.example/daogou:1",
            root=str(root),
            data=str(self.data),
            serving=str(root / "serving"),
            updates=True,
            # Days of so small a mall are never alike.
            allow_drift=True,
        )
        schemas.rename(root / "schema")

    def _take_out_what_is_new(self):
        """Leaves the earlier events as `day-1`; returns the others."""
        folder = self.data / "events"
        events = pq.read_table(folder)
        for path in folder.iterdir():
            path.unlink()
        times = pc.fill_null(events["timestamp"], 0)
        split = np.quantile(times.to_numpy(), 1 - NEW)
        late = pc.greater_equal(times, pa.scalar(int(split)))
        pq.write_table(events.filter(pc.invert(late)), folder / "day-1.parquet")
        return events.filter(late)

    def bring_in_what_is_new(self):
        """Leaves the later events as `day-2`."""
        pq.write_table(self._new, self.data / "events" / "day-2.parquet")

    def run(self, name: str) -> Launcher:
        """Runs the pipeline once, without parameters, as a schedule does."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(CHECKOUT),
            "TF_USE_LEGACY_KERAS": "1",
        }
        launcher = Launcher(self._spec, self.root / name, environment)
        launcher.run()
        return launcher

    def versions(self) -> list[pathlib.Path]:
        """Pushed versions, the newest last."""
        found = [p for p in (self.root / "serving").iterdir()]
        assert all(path.name.isdigit() for path in found)
        return sorted(found, key=lambda path: int(path.name))


@pytest.fixture(scope="module")
def cluster(shop, tmp_path_factory):
    return Cluster(tmp_path_factory.mktemp("cluster"), shop.home / "data")


@pytest.fixture(scope="module")
def first(cluster):
    """The first run, which finds no version to go on with."""
    return cluster.run("first")


@pytest.fixture(scope="module")
def launched(first, cluster):
    """The second one, with what has come in since."""
    cluster.bring_in_what_is_new()
    return cluster.run("second")


def artifact(launcher, node, output):
    return pathlib.Path(launcher.artifacts[node, output]["uri"])


def test_every_task_ran_and_one_whole_version_was_pushed(first, cluster):
    assert len(first.tasks) >= 34
    version = cluster.versions()[0]
    blessing = first.artifacts["QualityGate", "blessing"]
    assert blessing["metadata"]["blessed"] == 1
    pushed = first.artifacts["Pusher", "pushed_model"]["metadata"]
    assert pushed["pushed_version"] == version.name
    history = json.loads(
        (artifact(first, "Trainer", "model_run") / "history.json").read_text()
    )
    assert history["retrieval"]
    assert "update" not in history


def test_the_second_run_goes_on_with_the_version_of_the_first(
    first, launched, cluster
):
    plan = json.loads(
        (artifact(launched, "PlanUpdate", "plan") / "plan.json").read_text()
    )
    assert plan["warm_start"] == str(artifact(first, "Trainer", "model_run"))
    assert plan["learned"] == "day-2"
    run = artifact(launched, "Trainer", "model_run")
    history = json.loads((run / "history.json").read_text())
    [told] = history["update"]
    assert told["items"]["known"] > 0
    folder = artifact(launched, "BehaviorLog", "report")
    report = json.loads((folder / "report.json").read_text())
    assert report["split_timestamp"] == plan["split_timestamp"]
    metrics = artifact(launched, "RetrievalEvaluator", "evaluation")
    found = json.loads((metrics / "metrics.json").read_text())
    assert set(found["last_version"]) == {"recall@50", "ndcg@10"}
    records = [p.stem for p in (cluster.root / "versions").iterdir()]
    assert sorted(records) == [path.name for path in cluster.versions()]
    assert len(records) == 2


def test_containers_count_the_events_as_the_local_run_does(shop, launched):
    folder = artifact(launched, "BehaviorLog", "report")
    counts = json.loads((folder / "report.json").read_text())["events"]
    report = json.loads((shop.home / "latest" / "report.json").read_text())
    assert counts == report["counts"]["events"]


def test_what_was_pushed_answers(launched, cluster):
    version = cluster.versions()[-1]
    found = Recommender(version).search(Request(query="电饭煲"), 5)
    titles = [title.decode() for title in found["titles"][0]]
    assert any("电饭煲" in title or "锅" in title for title in titles), titles
