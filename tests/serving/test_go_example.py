import os
import pathlib
import shutil
import subprocess

import pytest

from serving.in_process import Recommender
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from serving.requests import Request
from tests.slow import slow

pytestmark = slow

ROOT = pathlib.Path(__file__).parents[2]
SOURCE = ROOT / "examples" / "go" / "recommend.go"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go on this machine")
    made = tmp_path_factory.mktemp("go") / "recommend"
    # Nothing is fetched: the standard library is all that it needs.
    alone = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "CGO_ENABLED": "0"}
    subprocess.run(
        [go, "build", "-o", str(made), str(SOURCE)],
        check=True,
        env=os.environ | alone,
    )
    return made


def test_answers_as_the_model_in_this_process(program, shop_servable, tmp_path):
    (tmp_path / "daogou").mkdir()
    (tmp_path / "daogou" / "1").symlink_to(shop_servable)
    server = ModelServer(
        ServerSettings(
            port=0,
            rest_api_port=-1,
            model_name="daogou",
            model_base_path=str(tmp_path / "daogou"),
        )
    )
    server.start()

    def ask(*words):
        url = f"http://127.0.0.1:{server.rest_api_port}"
        return subprocess.run(
            [program, "-server", url, *words],
            capture_output=True,
            text=True,
            check=False,
        )

    done = ask("-clicked", "i3,i6", "-k", "4")
    wrong = ask("-k", "51")
    server.stop()
    steps = Request(
        history_item_ids=["i3", "i6"],
        history_event_types=["click"] * 2,
        history_queries=[""] * 2,
        history_timestamps=[1, 2],
    )
    expected = Recommender(shop_servable).recommend(steps, 4)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0].encode() for line in lines] == list(expected["item_ids"][0])
    assert lines[0][2].startswith("无线鼠标")
    assert wrong.returncode == 1
    assert "400 Bad Request" in wrong.stderr
    assert "k must be 1 to 50, but is" in wrong.stderr
