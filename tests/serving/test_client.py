"""The client against the embedded server with a shop of 300 items."""

import asyncio
import concurrent.futures
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest

from schema.errors import DataError
from schema.settings import SettingsError
from serving import calls, protos, tensors
from serving.client import (
    AsyncClient,
    Client,
    ClientSettings,
    ServerError,
    Tls,
)
from serving.in_process import Recommender
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from serving.requests import Only, Page, Request
from tests import small_shop
from tests.serving.asking import http
from tests.serving.foreign_models import HALF


@pytest.fixture(scope="module")
def shop(shop_servable, tmp_path_factory):
    """Target of a server of the shop, and the same model in this process."""
    base = tmp_path_factory.mktemp("serving") / "daogou"
    base.mkdir()
    (base / "3").symlink_to(shop_servable)
    server = ModelServer(
        ServerSettings(
            port=0,
            rest_api_port=-1,
            model_name="daogou",
            model_base_path=str(base),
        )
    )
    server.start()
    yield (
        f"127.0.0.1:{server.port}",
        Recommender(shop_servable),
        f"127.0.0.1:{server.rest_api_port}",
    )
    server.stop()


@pytest.fixture(scope="module")
def client(shop):
    with Client(shop[0]) as opened:
        yield opened


def same(answer, outputs):
    assert set(answer.outputs) == set(outputs)
    for name, array in outputs.items():
        got = answer.outputs[name]
        if array.dtype == np.float32:
            np.testing.assert_allclose(got, array, rtol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(got, array, name)


def test_answers_as_the_model_in_this_process(shop, client):
    model = shop[1]
    answer = client.recommend(small_shop.MICE, 5, ["i12"])
    assert answer.version == 3
    same(answer, model.recommend(small_shop.MICE, 5, ["i12"]))
    query = Request(query="电饭煲", timestamp=4)
    same(client.search(query, 4), model.search(query, 4))
    same(
        client.similar(["i1", "nope"], 4, ["i4"]),
        model.similar(["i1", "nope"], 4, ["i4"]),
    )
    same(
        client.rank(small_shop.MICE, ["i1", "i12"]),
        model.rank(small_shop.MICE, ["i1", "i12"]),
    )
    asked = model.intent(small_shop.MICE, ["i1", "nope", "i12"])
    same(client.intent(small_shop.MICE, ["i1", "nope", "i12"]), asked)
    assert asked["p_click"].shape == (1, 3)
    assert asked["p_click"][0, 1] == 0
    assert asked["categories"][0, 0].decode() == small_shop.CATEGORIES[0]
    assert model.intent(small_shop.MICE)["p_click"].shape == (1, 0)
    mice = Only(categories=["电脑/外设"], brands=["罗技"], max_price=250.0)
    found = client.recommend(small_shop.MICE, 9, only=mice)
    same(found, model.recommend(small_shop.MICE, 9, only=mice))
    page = Page(max_per_shop=1, diversity=0.3, explain=True)
    told = client.recommend(small_shop.MICE, 7, page=page)
    same(told, model.recommend(small_shop.MICE, 7, page=page))
    shops = [int(i[1:]) % 7 for i in told.outputs["item_ids"][0].astype(str)]
    assert sorted(shops) == list(range(7))
    assert told.outputs["reasons"].all()
    numbers = [int(i[1:]) for i in found.outputs["item_ids"][0].astype(str)]
    assert all(n % 3 == 0 and n % 4 == 0 and n <= 250 for n in numbers)


@pytest.mark.parametrize("signature", ["recommend", "search", "similar"])
def test_a_call_without_a_deadline_is_answered_alike(shop, signature):
    # Without one the graph runs in the thread that asks.
    target, model, _ = shop
    query = Request(query="电饭煲", timestamp=4)
    inputs, expected = {
        "recommend": (
            calls.recommend(small_shop.MICE, 5),
            model.recommend(small_shop.MICE, 5),
        ),
        "search": (calls.recommend(query, 5), model.search(query, 5)),
        "similar": (calls.similar(["i1"], 5), model.similar(["i1"], 5)),
    }[signature]
    request = protos.PredictRequest()
    request.model_spec.name = "daogou"
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        tensors.encode(array, request.inputs[name])
    with grpc.insecure_channel(target) as channel:
        answer = channel.unary_unary(protos.PREDICT)(
            request.SerializeToString()
        )
    outputs = protos.PredictResponse.FromString(answer).outputs
    np.testing.assert_array_equal(
        tensors.decode(outputs["item_ids"]), expected["item_ids"]
    )


def test_rest_needs_only_what_has_no_default(shop):
    _, model, rest = shop
    inputs = {
        "history_item_ids": [list(small_shop.MICE.history_item_ids)],
        "history_event_types": [list(small_shop.MICE.history_event_types)],
        "history_queries": [list(small_shop.MICE.history_queries)],
        "history_timestamps": [list(small_shop.MICE.history_timestamps)],
        "timestamp": [small_shop.MICE.timestamp],
        "city": [small_shop.MICE.city],
        "k": [3],
    }
    status, answer = http(
        rest,
        "POST",
        "/v1/models/daogou:predict",
        {"signature_name": "recommend", "inputs": inputs},
    )
    assert status == 200
    expected = model.recommend(small_shop.MICE, 3)
    ids = [item_id.decode() for item_id in expected["item_ids"][0]]
    assert answer["outputs"]["item_ids"] == [ids]
    assert answer["outputs"]["titles"][0][0].startswith("无线鼠标")
    # The other form: a user a row, who may ask for a number of his own.
    instance = {name: value[0] for name, value in inputs.items()}
    status, rows = http(
        rest,
        "POST",
        "/v1/models/daogou:predict",
        {
            "signature_name": "recommend",
            "instances": [instance, instance | {"k": 1}],
        },
    )
    assert status == 200
    assert rows["predictions"][0]["item_ids"] == ids
    assert rows["predictions"][1]["item_ids"] == [ids[0], "", ""]
    del inputs["timestamp"]
    status, answer = http(
        rest,
        "POST",
        "/v1/models/daogou:predict",
        {"signature_name": "recommend", "inputs": inputs},
    )
    assert (status, answer) == (
        400,
        {"error": "Missing named input: timestamp in 'inputs' object."},
    )


def test_items_are_typed(client):
    items = client.recommend(small_shop.MICE, 3).items()
    assert [int(item.item_id[1:]) % 3 for item in items] == [0, 0, 0]
    first = items[0]
    number = int(first.item_id[1:])
    assert first.title == small_shop.TITLES[number]
    assert first.category == small_shop.CATEGORIES[0]
    assert first.price == number
    assert 0 < first.chances["buy"] <= first.chances["click"] < 1
    # An unknown item is like none.
    answer = client.similar(["i1", "nope"], 2)
    assert len(answer.items()) == 2
    assert answer.items(1) == []


def test_says_what_the_server_refuses(client):
    with pytest.raises(DataError) as caught:
        client.recommend(small_shop.MICE, 51)
    assert str(caught.value) == "recommend: k must be 1 to 50, but is 51"
    with pytest.raises(DataError, match="search: query must not be empty"):
        client.search(small_shop.MICE)
    with pytest.raises(DataError, match="k is 'many'; needed: int32"):
        client.recommend(small_shop.MICE, "many")
    with pytest.raises(DataError, match='key "no_such" not found'):
        client.predict("no_such", {})


def test_pins_a_version_or_says_that_it_is_not_there(shop):
    with Client(shop[0], ClientSettings(version=3)) as pinned:
        assert pinned.available_versions() == [3]
        assert pinned.recommend(small_shop.MICE).version == 3
    for settings, error, part in (
        (ClientSettings(version=2), ServerError, "Specific.daogou, 2."),
        (ClientSettings(model="other"), ServerError, "Latest.other."),
        (ClientSettings(label="stable"), DataError, "label: stable"),
    ):
        with Client(shop[0], settings) as asking:
            with pytest.raises(error, match=part) as caught:
                asking.recommend(small_shop.MICE)
            if error is ServerError:
                assert caught.value.code == "NOT_FOUND"
                with pytest.raises(ServerError, match="Could not find"):
                    asking.available_versions()


def test_many_threads_share_a_client(client):
    expected = client.recommend(small_shop.MICE, 5).outputs["item_ids"].tolist()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: client.recommend(small_shop.MICE, 5), range(40))
        )
    for answer in answers:
        assert answer.outputs["item_ids"].tolist() == expected


def test_asyncio(shop, client):
    async def ask():
        async with AsyncClient(shop[0]) as asking:
            versions = await asking.available_versions()
            answers = await asyncio.gather(
                *(asking.recommend(small_shop.MICE, n) for n in range(1, 9))
            )
            with pytest.raises(DataError, match="k must be 1 to 50"):
                await asking.recommend(small_shop.MICE, 51)
            return versions, answers

    versions, answers = asyncio.run(ask())
    assert versions == [3]
    for n, answer in enumerate(answers, start=1):
        same(answer, client.recommend(small_shop.MICE, n).outputs)


class Flaky:
    """A server that fails so many times before it answers."""

    def __init__(self, failures, code):
        self.left = failures
        self.code = code
        self.calls = []
        self.metadata = []
        self._lock = threading.Lock()

    def service(self, details):
        def answer(_, context):
            with self._lock:
                self.calls.append(time.monotonic())
                self.metadata.append(dict(context.invocation_metadata()))
                self.left -= 1
                fail = self.left >= 0
            if fail:
                context.abort(self.code, "not now")
            return protos.PredictResponse().SerializeToString()

        if details.method == protos.PREDICT:
            return grpc.unary_unary_rpc_method_handler(answer)
        return None


@pytest.fixture
def flaky():
    opened = []

    def start(failures, code=grpc.StatusCode.UNAVAILABLE):
        one = Flaky(failures, code)
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
        server.add_generic_rpc_handlers((one,))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        opened.append(server)
        return one, f"127.0.0.1:{port}"

    yield start
    for server in opened:
        server.stop(None)


def test_tries_again_where_the_server_is_unavailable(flaky):
    one, target = flaky(2)
    with Client(target, ClientSettings(token="secret")) as asking:
        asking.predict("x", {})
    assert len(one.calls) == 3
    assert one.metadata[0]["authorization"] == "Bearer secret"
    one, target = flaky(2)

    async def ask():
        async with AsyncClient(target) as asking:
            await asking.predict("x", {})

    asyncio.run(ask())
    assert len(one.calls) == 3
    one, target = flaky(9)
    with (
        Client(target, ClientSettings(attempts=2)) as asking,
        pytest.raises(ServerError, match="UNAVAILABLE: not now"),
    ):
        asking.predict("x", {})
    assert len(one.calls) == 2


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
)
def test_tries_nothing_else_again(flaky, code):
    one, target = flaky(1, code)
    with Client(target) as asking, pytest.raises(ServerError) as caught:
        asking.predict("x", {})
    assert caught.value.code == code.name
    assert len(one.calls) == 1


def test_the_deadline_holds_for_all_tries():
    settings = ClientSettings(timeout_seconds=0.3, first_pause_seconds=0.1)
    begin = time.monotonic()
    # Nothing listens there.
    with (
        Client("127.0.0.1:1", settings) as asking,
        pytest.raises(ServerError) as caught,
    ):
        asking.predict("x", {})
    assert caught.value.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    assert time.monotonic() - begin < 30


def test_a_slow_answer_is_not_waited_for(server):
    settings = ClientSettings(model=HALF, timeout_seconds=0.2)
    with (
        Client(f"127.0.0.1:{server.port}", settings) as asking,
        pytest.raises(ServerError, match="DEADLINE_EXCEEDED"),
    ):
        asking.predict("slow", {"rounds": np.array([10**6], np.int32)})


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"model": ""}, "model is ''"),
        ({"timeout_seconds": 0}, "timeout_seconds is 0"),
        ({"attempts": 6}, "allowed: 1 to 5"),
        ({"version": 1, "label": "x"}, "label is 'x'"),
    ],
)
def test_settings_that_are_refused(settings, part):
    with pytest.raises(SettingsError, match=part):
        ClientSettings(**settings)


def test_a_token_is_not_sent_in_plain_text():
    settings = ClientSettings(token="secret")
    with pytest.raises(SettingsError, match="unencrypted to shop:8500"):
        Client("shop:8500", settings)
    Client("[::1]:8500", settings).close()
    Client("shop:8500", ClientSettings(token="s", tls=Tls())).close()
    assert "secret" not in repr(settings)


def test_needs_no_tensorflow():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "for name in ('tensorflow', 'tensorflow_serving', 'pyarrow'):\n"
            "    sys.modules[name] = None\n"
            "from serving.client import Client, ServerError\n"
            "from serving.requests import Only, Request\n"
            "import serving.client\n"
            "settings = serving.client.ClientSettings(attempts=1)\n"
            "try:\n"
            "    Client('127.0.0.1:1', settings).recommend(Request())\n"
            "except ServerError as error:\n"
            "    print(error.code)\n",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "UNAVAILABLE"


def test_examples_are_classified_and_regressed(shop):
    _, model, rest = shop
    request = Request(
        history_item_ids=["i1", "i5"],
        history_event_types=["click", "buy"],
        history_queries=["", ""],
        history_timestamps=[1, 2],
        timestamp=4,
    )
    ranked = model.rank(request, ["i4"])
    user = {
        "timestamp": 4,
        "history_item_ids": ["i1", "i5"],
        "history_event_types": ["click", "buy"],
        "history_timestamps": [1, 2],
    }
    examples = [user | {"item_id": "i4"}, {"timestamp": 4, "item_id": "gone"}]
    results = {}
    for name in ("classify", "regress"):
        status, answer = http(
            rest,
            "POST",
            f"/v1/models/daogou:{name}",
            {"signature_name": name, "examples": examples},
        )
        assert status == 200, answer
        results[name] = answer["results"]
    chances = dict(results["classify"][0])
    for head in ("click", "buy"):
        expected = float(ranked[f"p_{head}"][0, 0])
        assert chances[head] == pytest.approx(expected, rel=1e-5)
    score = float(ranked["scores"][0, 0])
    assert results["regress"] == [pytest.approx(score, rel=1e-5), 0.0]
    assert dict(results["classify"][1]) == {"click": 0.0, "buy": 0.0}
