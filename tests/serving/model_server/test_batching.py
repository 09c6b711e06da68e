import threading
import time

import grpc
import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_service_pb2_grpc

from schema.settings import SettingsError
from serving.model_server.batch_scheduler import (
    BatchingSettings,
    BatchScheduler,
    Task,
    wait,
)
from serving.model_server.configs import BatchingParameters
from serving.model_server.errors import ServingError
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from tests.serving.asking import SECONDS, Code, refused, request
from tests.serving.foreign_models import HALF


@pytest.fixture
def scheduler():
    made = []

    def make(**settings):
        made.append(BatchScheduler(BatchingSettings(**settings)))
        return made[-1]

    yield make
    for one in made:
        one.stop()


class Batches:
    """Answers each task with the rows of its batch, when it may."""

    def __init__(self):
        self.go = threading.Event()
        self.begun = threading.Event()

    def __call__(self, batch):
        self.begun.set()
        assert self.go.wait(SECONDS)
        for task in batch:
            task.result = [one.rows for one in batch]


def test_rows_that_wait_go_together(scheduler):
    batches = Batches()
    one = scheduler(max_batch_size=4, num_batch_threads=1)
    tasks = [Task(rows, None) for rows in (1, 2, 1, 2, 3)]
    one.schedule("q", batches, tasks[0])
    # The first goes alone; the others come while it runs.
    assert batches.begun.wait(SECONDS)
    for task in tasks[1:]:
        one.schedule("q", batches, task)
    batches.go.set()
    assert [wait(task) for task in tasks] == [[1], [2, 1], [2, 1], [2], [3]]


def test_a_batch_waits_to_fill_as_long_as_it_may(scheduler):
    batches = Batches()
    batches.go.set()
    one = scheduler(max_batch_size=2, batch_timeout_micros=10**8)
    tasks = [Task(1, None), Task(1, None)]
    one.schedule("q", batches, tasks[0])
    assert not tasks[0].done.wait(0.1)
    one.schedule("q", batches, tasks[1])
    assert wait(tasks[0]) == [1, 1]


def test_bounds(scheduler):
    batches = Batches()
    one = scheduler(
        max_batch_size=2, max_enqueued_batches=2, num_batch_threads=1
    )
    with pytest.raises(ServingError) as caught:
        one.schedule("q", batches, Task(3, None))
    assert str(caught.value) == (
        "INVALID_ARGUMENT: Task size 3 is larger than maximum input batch "
        "size 2"
    )
    one.schedule("q", batches, Task(2, None))
    assert batches.begun.wait(SECONDS)
    for _ in range(2):
        one.schedule("q", batches, Task(2, None))
    with pytest.raises(ServingError) as caught:
        one.schedule("q", batches, Task(1, None))
    assert caught.value.code == Code.UNAVAILABLE
    assert caught.value.message == (
        "The batch scheduling queue to which this task was submitted is "
        "full; currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    # Another signature has a queue of its own.
    one.schedule("r", batches, Task(1, None))
    batches.go.set()


def test_an_error_reaches_all_who_wait(scheduler):
    def fail(batch):
        raise ServingError(Code.INTERNAL, "no")

    one = scheduler()
    task = Task(1, None)
    one.schedule("q", fail, task)
    with pytest.raises(ServingError, match="INTERNAL: no"):
        wait(task)


def test_parameters():
    parameters = text_format.Parse(
        """max_batch_size { value: 8 } batch_timeout_micros { value: 5 }
        allowed_batch_sizes: 2 allowed_batch_sizes: 8
        pad_variable_length_inputs: true num_batch_threads { value: 3 }
        thread_pool_name { value: "x" }""",
        BatchingParameters(),
    )
    assert BatchingSettings.from_proto(parameters) == BatchingSettings(
        max_batch_size=8,
        batch_timeout_micros=5,
        num_batch_threads=3,
        allowed_batch_sizes=(2, 8),
        pad_variable_length_inputs=True,
    )
    for wrong, part in (
        ({"max_batch_size": 0}, "max_batch_size is 0; allowed: at least 1"),
        (
            {"max_batch_size": 8, "allowed_batch_sizes": (2, 4)},
            "Last entry in allowed_batch_sizes must match max_batch_size",
        ),
        ({"allowed_batch_sizes": (4, 2, 1000)}, "in increasing order"),
    ):
        with pytest.raises(SettingsError, match=part):
            BatchingSettings(**wrong)


@pytest.fixture(scope="module")
def batching(models, tmp_path_factory):
    """Calls Predict of a server whose batches wait 50 ms, at most 8 rows."""
    path = tmp_path_factory.mktemp("batching") / "batching.config"
    path.write_text(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 50000 } "
        "num_batch_threads { value: 1 } allowed_batch_sizes: 4 "
        "allowed_batch_sizes: 8 pad_variable_length_inputs: true"
    )
    server = ModelServer(
        ServerSettings(
            port=0,
            model_name=HALF,
            model_base_path=str(models / HALF),
            enable_batching=True,
            batching_parameters_file=str(path),
        )
    )
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        yield lambda asked: stub.Predict(asked, timeout=SECONDS)
    server.stop()


def _at_once(calls):
    """Makes calls side by side; returns their results in order."""
    results = [None] * len(calls)

    def one(position):
        try:
            results[position] = calls[position]()
        except grpc.RpcError as error:
            results[position] = error

    threads = [
        threading.Thread(target=one, args=(n,)) for n in range(len(calls))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_everyone_gets_his_own_rows(batching):
    def call(n):
        return lambda: batching(request(HALF, x=[float(n)] * (1 + n % 3)))

    begin = time.monotonic()
    answers = _at_once([call(n) for n in range(12)])
    assert time.monotonic() - begin < 60
    for n, answer in enumerate(answers):
        values = list(answer.outputs["y"].float_val)
        assert values == [n / 2 + 3] * (1 + n % 3)


def test_lengths_are_made_equal_with_the_first_value(batching):
    def call(length):
        rows = np.full([1, length], 2.0, np.float32)
        return lambda: batching(request(HALF, "add", a=rows, b=rows))

    totals = {}
    for answer in _at_once([call(1), call(3)]):
        total = answer.outputs["total"]
        totals[total.tensor_shape.dim[1].size] = list(total.float_val)
    # Together or alone: as TensorFlow Serving, padding is not taken off.
    assert set(totals) <= {1, 3}
    assert totals[3] == [4.0, 4.0, 4.0]


def test_what_does_not_go_into_a_batch(batching):
    for inputs, message in (
        (
            {"x": [1.0], "by": 2.0},
            "Batching session Run() input tensors must have at least one "
            "dimension",
        ),
        (
            {"x": [1.0], "by": [2.0, 3.0]},
            "Batching session Run() input tensors must have equal "
            "0th-dimension size",
        ),
    ):
        with refused(Code.INVALID_ARGUMENT, message):
            batching(request(HALF, "times", **inputs))
    with refused(
        Code.INVALID_ARGUMENT,
        "Task size 9 is larger than maximum input batch size 8",
    ):
        batching(request(HALF, x=[1.0] * 9))
    # A request for fewer outputs runs by itself.
    answer = batching(
        request(HALF, "half_plus_three", x=[1.0] * 9, outputs=["y"])
    )
    assert len(answer.outputs["y"].float_val) == 9
