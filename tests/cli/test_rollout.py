"""`daogou rollout` as a shop calls it, on a server of two versions."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from cli.main import main
from serving.client import Client
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from serving.rollout.split import Split
from tests import small_shop
from tests.slow import slow

pytestmark = slow

CONTEXT = ("scene", "city", "device", "gender", "age_band", "level")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder of a run with one user."""
    folder = tmp_path_factory.mktemp("runs")
    run = folder / "demo" / "latest"
    run.mkdir(parents=True)
    user = {
        "user_id": "u1",
        "history_item_ids": ["i3", "i6"],
        "history_event_types": ["click", "click"],
        "history_timestamps": [1, 2],
        "history_queries": ["", ""],
        "last_timestamp": 2,
        **dict.fromkeys(CONTEXT, ""),
    }
    table = pa.Table.from_pylist([user])
    pq.write_table(table, run / "histories.parquet")
    report = {"histories": {"path": "histories.parquet"}}
    (run / "report.json").write_text(json.dumps(report))
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    servable = small_shop.build_servable(folder / "made")
    base = folder / "daogou"
    base.mkdir()
    for number in (1, 2):
        (base / str(number)).symlink_to(servable)
    config = folder / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "daogou" base_path: "{base}" '
        'model_platform: "tensorflow" '
        "model_version_policy { specific { versions: 1 } } } }"
    )
    started = ModelServer(ServerSettings(port=0, model_config_file=str(config)))
    started.start()
    yield f"127.0.0.1:{started.port}", config
    started.stop()


def test_a_new_version_answers_all_users(server, runs, tmp_path):
    target, config = server

    def call(*words):
        return CliRunner().invoke(
            main,
            [
                *("rollout", "--server", target, "--config", str(config)),
                *("--split", str(tmp_path / "split.json")),
                *("--runs", str(runs), "--settle", "0", *words),
            ],
        )

    result = call(
        *("--to", "2", "--shares", "50", "--watch", "2", "--json"),
        *("--max-latency", "50"),
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["from"], told["to"]) == (1, 2)
    (step,) = told["steps"]
    assert step["canary"]["error_rate"] == step["stable"]["error_rate"] == 0
    assert "version 2 answers 50 % of the users" in result.stderr
    assert Split.read(tmp_path / "split.json").percent == {"stable": 100}
    with Client(target) as client:
        assert client.recommend(small_shop.MICE, 3).version == 2
    again = call("--to", "2")
    assert again.exit_code == 1
    assert "version 2 is 'stable' already" in again.stderr
    wrong = call("--to", "3", "--shares", "5,x")
    assert "allowed: 5,25,50" in wrong.stderr
