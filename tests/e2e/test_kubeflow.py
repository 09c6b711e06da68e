"""What Kubeflow would run of the compiled spec, run without a cluster.

Five minutes of one processor, most of them spent as in the shared run, so it
runs where it is asked for: `DAOGOU_KUBEFLOW=1 make test`.
"""

import json
import os
import pathlib

import pytest

from pipeline import kubeflow_runner
from serving.in_process import Recommender
from serving.requests import Request
from tests.kubeflow_launcher import Launcher

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        "DAOGOU_KUBEFLOW" not in os.environ,
        reason="DAOGOU_KUBEFLOW is not set: five minutes more",
    ),
]

CHECKOUT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def launched(shop, tmp_path_factory):
    """The pipeline of the shared shop, from its spec to a pushed version."""
    root = tmp_path_factory.mktemp("cluster")
    spec = root / "tiny.yaml"
    schemas = kubeflow_runner.compile_pipeline(
        preset="tiny",
        output=spec,
        image="registry.example/daogou:1",
        root=str(root),
        data=str(shop.home / "data"),
        serving=str(root / "serving"),
    )
    schemas.rename(root / "schema")
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "TF_USE_LEGACY_KERAS": "1",
    }
    launcher = Launcher(spec, root / "artifacts", environment)
    launcher.run()
    return launcher, root


def test_every_task_ran_and_one_whole_version_was_pushed(launched):
    launcher, root = launched
    assert len(launcher.tasks) >= 32
    [version] = (root / "serving").iterdir()
    assert version.name.isdigit()
    blessing = launcher.artifacts["QualityGate", "blessing"]
    assert blessing["metadata"]["blessed"] == 1
    pushed = launcher.artifacts["Pusher", "pushed_model"]["metadata"]
    assert pushed["pushed_version"] == version.name


def test_containers_count_the_events_as_the_local_run_does(shop, launched):
    launcher, _ = launched
    folder = pathlib.Path(launcher.artifacts["BehaviorLog", "report"]["uri"])
    counts = json.loads((folder / "report.json").read_text())["events"]
    report = json.loads((shop.home / "latest" / "report.json").read_text())
    assert counts == report["counts"]["events"]


def test_what_was_pushed_answers(launched):
    [version] = (launched[1] / "serving").iterdir()
    found = Recommender(version).search(Request(query="电饭煲"), 5)
    titles = [title.decode() for title in found["titles"][0]]
    assert any("电饭煲" in title or "锅" in title for title in titles), titles
