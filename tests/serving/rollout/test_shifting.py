"""A new version on a real server, while services ask by the split."""

import json
import threading

import pytest

from schema.errors import DaogouError, DataError
from schema.settings import SettingsError
from serving.client import Client, ClientSettings, ServerError
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from serving.rollout import shifting
from serving.rollout.fleet import Fleet
from serving.rollout.split import ExposureLog, Split, SplitClient
from serving.rollout.watching import Limits, Samples, objection, watch
from tests import small_shop
from tests.serving.foreign_models import HALF

SETTINGS = shifting.RolloutSettings(
    shares=(30.0, 60.0),
    watch_seconds=1.0,
    calls_a_second=40.0,
    settle_seconds=1.5,
    k=3,
)
# A machine that has much else to do is slow now and then.
LIMITS = Limits(latency_ratio=20.0, slack_ms=500.0)
CONFIG = """model_config_list {{ config {{
  name: "daogou" base_path: "{base}" model_platform: "tensorflow"
  model_version_policy {{ specific {{ versions: 1 }} }}
}} }}"""


@pytest.fixture
def shop(shop_servable, models, tmp_path):
    """A server of version 1; 2 is as good, 3 another model, 4 none."""
    base = tmp_path / "models" / "daogou"
    base.mkdir(parents=True)
    for number in (1, 2):
        (base / str(number)).symlink_to(shop_servable)
    (base / "3").symlink_to(models / HALF / "1")
    (base / "4").mkdir()
    config = tmp_path / "models.config"
    config.write_text(CONFIG.format(base=base))
    server = ModelServer(
        ServerSettings(
            port=0, model_config_file=str(config), max_num_load_retries=0
        )
    )
    server.start()
    yield f"127.0.0.1:{server.port}", config
    server.stop()


class Service:
    """Asks for users as the split says, all the time."""

    def __init__(self, target, split, log):
        self._client = SplitClient(
            target, split, ExposureLog(log), reread_seconds=0.05
        )
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.errors = []

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._client.close()

    def _ask(self):
        number = 0
        while not self._done.wait(0.01):
            number += 1
            try:
                self._client.ask(
                    f"u{number % 97}",
                    lambda client: client.recommend(small_shop.MICE, 3),
                )
            except DaogouError as error:
                self.errors.append(error)


def rolled_out(shop, tmp_path, version):
    target, config = shop
    with Fleet([target], config, "daogou") as fleet:
        return shifting.roll_out(
            fleet,
            client_of=shifting.client_maker(target, "daogou"),
            split=tmp_path / "split.json",
            requests=[small_shop.MICE],
            version=version,
            settings=SETTINGS,
            limits=LIMITS,
            say=lambda text: None,
        )


def answering(target, label=""):
    settings = ClientSettings(label=label)
    with Client(target, settings) as client:
        return client.recommend(small_shop.MICE, 3).version


def test_users_move_step_by_step_and_back(shop, tmp_path):
    target, config = shop
    split, log = tmp_path / "split.json", tmp_path / "log.jsonl"
    with Fleet([target], config, "daogou") as fleet:
        fleet.serve([1], {"stable": 1})
    Split(name="v2", percent={"stable": 100}).write(split)
    with Service(target, split, log) as service:
        told = rolled_out(shop, tmp_path, 2)
        assert (told["from"], told["to"]) == (1, 2)
        assert [step["share"] for step in told["steps"]] == [30, 60]
        for step in told["steps"]:
            assert step["canary"]["calls"] >= 5
            assert step["canary"]["error_rate"] == 0
        assert answering(target) == answering(target, "stable") == 2
        with pytest.raises(DataError, match="label: canary"):
            answering(target, "canary")
        assert 'key: "stable"\n      value: 2' in config.read_text()
        # One that loads and answers nothing useful.
        with pytest.raises(
            shifting.RolledBackError,
            match=r'version 3 .* all users are at 2: .*"recommend" not found',
        ):
            rolled_out(shop, tmp_path, 3)
        assert answering(target) == answering(target, "stable") == 2
        # One that does not load.
        with pytest.raises(ServerError, match="does not load version 4"):
            rolled_out(shop, tmp_path, 4)
        assert answering(target) == answering(target, "stable") == 2
    assert Split.read(split) == Split(name="v2", percent={"stable": 100})
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    by_arm = {(one["arm"], one["version"]) for one in lines}
    assert {("stable", 1), ("canary", 2), ("stable", 2)} <= by_arm
    # Only the version that answered nothing useful failed anybody.
    failed = {one["arm"] for one in lines if one["error"]}
    assert failed == {"canary"}
    assert len(service.errors) == sum(bool(one["error"]) for one in lines)
    assert all('"recommend" not found' in str(e) for e in service.errors)


def test_what_cannot_be_rolled_out(shop, tmp_path):
    target, config = shop
    with pytest.raises(DataError, match="no version but 1 is available"):
        rolled_out(shop, tmp_path, 1)
    with pytest.raises(DataError, match="has no model 'x'; it has daogou"):
        Fleet([target], config, "x")
    Split(name="price", percent={"a": 50, "b": 50}).write(
        tmp_path / "split.json"
    )
    with pytest.raises(DataError, match="end the experiment 'price'"):
        rolled_out(shop, tmp_path, 2)
    assert answering(target) == 1


def samples(milliseconds, errors=0):
    found = Samples()
    found.milliseconds = milliseconds
    found.errors = ["no"] * errors
    return found


def test_what_a_new_version_may_do_worse():
    limits = Limits(error_rate=0.05, latency_ratio=2.0, slack_ms=1.0)
    old = samples([10.0] * 100)
    assert objection(samples([20.9] * 100), old, limits) == ""
    assert "21.1 ms; allowed: 21.0 ms" in objection(
        samples([21.1] * 100), old, limits
    )
    assert objection(samples([10.0] * 95, errors=5), old, limits) == ""
    assert "6 of 100 calls failed; allowed: 5.0%; the last: no" in objection(
        samples([10.0] * 94, errors=6), old, limits
    )
    # Where the old one fails as often, it is not the new one's doing.
    poor = samples([10.0] * 90, errors=10)
    assert objection(samples([10.0] * 90, errors=10), poor, limits) == ""
    assert "not asked once" in objection(samples([]), old, limits)
    # Too few calls to speak of one in twenty.
    assert objection(samples([99.0] * 19), old, limits) == ""


def test_watching_stops_when_there_is_no_hope(shop):
    clients = {
        name: Client(shop[0], ClientSettings(model=name, attempts=1))
        for name in ("daogou", "nobody's")
    }
    found = watch(
        clients,
        [small_shop.MICE],
        seconds=60.0,
        calls_a_second=200.0,
        enough=lambda found: found["nobody's"].calls >= 20,
    )
    for client in clients.values():
        client.close()
    assert found["nobody's"].error_rate == 1
    assert found["daogou"].error_rate == 0
    assert abs(found["daogou"].calls - 20) <= 1


@pytest.mark.parametrize(
    "shares", [(50, 50), (0, 5), (5, 100), (20, 10), (-1,)]
)
def test_steps_that_are_refused(shares):
    with pytest.raises(SettingsError, match="shares is"):
        shifting.RolloutSettings(shares=shares)
