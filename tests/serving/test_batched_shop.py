"""The shop's servable behind a server that joins requests to batches."""

import concurrent.futures

import numpy as np
import pytest

from schema.errors import DataError
from serving import calls
from serving.client import Client
from serving.in_process import Recommender
from serving.model_server.servable import Servable
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from serving.requests import Request

# Requests go into one batch while it waits this long for others.
BATCHING = (
    "max_batch_size { value: 32 } batch_timeout_micros { value: 100000 } "
    "num_batch_threads { value: 1 } pad_variable_length_inputs: true "
    "max_enqueued_batches { value: 100 }"
)


@pytest.fixture(scope="module")
def client(shop_servable, tmp_path_factory):
    folder = tmp_path_factory.mktemp("batched")
    (folder / "batching.config").write_text(BATCHING)
    (folder / "daogou").mkdir()
    (folder / "daogou" / "3").symlink_to(shop_servable)
    server = ModelServer(
        ServerSettings(
            port=0,
            model_name="daogou",
            model_base_path=str(folder / "daogou"),
            enable_batching=True,
            batching_parameters_file=str(folder / "batching.config"),
        )
    )
    server.start()
    with Client(f"127.0.0.1:{server.port}") as opened:
        yield opened
    server.stop()


@pytest.fixture(scope="module")
def model(shop_servable):
    return Recommender(shop_servable)


@pytest.fixture
def rows(monkeypatch):
    """Rows of each run of the graph."""
    seen = []
    run = Servable.run

    def counted(self, inputs, *rest):
        seen.append(len(inputs[0][1]))
        return run(self, inputs, *rest)

    monkeypatch.setattr(Servable, "run", counted)
    return seen


def user(steps, query=""):
    """Someone who clicked so many items, each after the last."""
    return Request(
        history_item_ids=[f"i{3 * n}" for n in range(steps)],
        history_event_types=["click"] * steps,
        history_queries=[""] * steps,
        history_timestamps=list(range(1, steps + 1)),
        timestamp=steps + 1,
        query=query,
    )


def ask(asked, number):
    """Asks with a history, a k and exclusions that differ by the number."""
    k = 1 + number % 7
    exclude = [f"i{n}" for n in range(number % 4)]
    match number % 4:
        case 0:
            return asked.recommend(user(number % 9), k, exclude)
        case 1:
            return asked.search(user(number % 5, "电饭煲"), k, exclude)
        case 2:
            items = [f"i{number}", "nope", "i7"][: 1 + number % 3]
            return asked.similar(items, k, exclude)
        case _:
            candidates = [f"i{n}" for n in range(number % 6 + 1)]
            return asked.rank(user(number % 3), candidates)


def at_once(calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [task.result() for task in [pool.submit(c) for c in calls]]


def same(answer, outputs, atol=1e-5):
    assert set(answer.outputs) == set(outputs)
    for name, array in outputs.items():
        got = answer.outputs[name]
        assert got.shape == array.shape, name
        if array.dtype == np.float32:
            np.testing.assert_allclose(got, array, 1e-4, atol, err_msg=name)
        else:
            np.testing.assert_array_equal(got, array, name)


def test_answers_are_those_of_requests_by_themselves(client, model, rows):
    answers = at_once([lambda n=n: ask(client, n) for n in range(48)])
    assert max(rows) > 3
    for number, answer in enumerate(answers):
        # Of many texts that fit alike, rounding decides which are the last
        # candidates of a search, and they set the scale of its scores.
        same(answer, ask(model, number), 5e-3 if number % 4 == 1 else 1e-5)


def test_a_request_that_leaves_things_out_goes_along(client, model, rows):
    inputs = calls.recommend(user(3), 10)
    least = {
        name: inputs[name]
        for name in inputs
        if name.startswith("history_") or name == "timestamp"
    }
    answers = at_once(
        [lambda: client.predict("recommend", least)] * 4
        + [lambda: client.recommend(user(5), 3, ["i9"])] * 4
    )
    assert max(rows) > 1
    expected = model.recommend(user(3), 10)["item_ids"]
    for answer in answers[:4]:
        np.testing.assert_array_equal(answer.outputs["item_ids"], expected)
    for answer in answers[4:]:
        same(answer, model.recommend(user(5), 3, ["i9"]))


def test_only_who_asks_wrongly_is_refused(client, model, rows):
    def wrong():
        with pytest.raises(DataError) as caught:
            client.recommend(user(2), 51)
        assert str(caught.value) == "recommend: k must be 1 to 50, but is 51"

    right = [lambda: client.recommend(user(2), 4)] * 6
    answers = at_once([*right, wrong])[:-1]
    assert max(rows) > 1
    for answer in answers:
        same(answer, model.recommend(user(2), 4))
