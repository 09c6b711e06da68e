"""Versions that come and go while clients call."""

import collections
import concurrent.futures
import contextlib
import gc
import os
import pathlib
import shutil
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from schema.errors import DataError
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from tests.serving.asking import SECONDS, Code, refused, request, spec
from tests.serving.foreign_models import HALF

States = get_model_status_pb2.ModelVersionStatus


@contextlib.contextmanager
def serving(folder, **flags):
    flags = {
        "port": 0,
        "model_name": "m",
        "model_base_path": str(folder),
        "file_system_poll_wait_seconds": 1,
        "max_num_load_retries": 0,
    } | flags
    server = ModelServer(ServerSettings(**flags))
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield Asking(server, channel)
    finally:
        server.stop()


class Asking:
    """Calls one model of a server."""

    def __init__(self, server, channel):
        self.server = server
        self._predict = prediction_service_pb2_grpc.PredictionServiceStub(
            channel
        ).Predict
        self._status = model_service_pb2_grpc.ModelServiceStub(
            channel
        ).GetModelStatus

    def predict(self, x=4.0, signature=""):
        """Returns the version that answered, and its answer."""
        answer = self._predict(request("m", signature, x=[x]), timeout=SECONDS)
        return (
            answer.model_spec.version.value,
            answer.outputs["y"].float_val[0],
        )

    def states(self):
        found = self._status(
            get_model_status_pb2.GetModelStatusRequest(model_spec=spec("m")),
            timeout=SECONDS,
        )
        return {one.version: one for one in found.model_version_status}

    def wait_for(self, version, state):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.server.core.look()
            found = self.states()
            if version in found and found[version].state == state:
                return found[version]
            time.sleep(0.02)
        raise AssertionError(f"{version} is {self.states().get(version)}")


@pytest.fixture
def push(models, tmp_path):
    """Copies a version in: odd ones answer x / 2 + 2, even ones + 3."""
    base = tmp_path / "m"

    def copy(number, complete=True):
        source = models / HALF / ("1" if number % 2 else "00002")
        part = tmp_path / f"{number}.part"
        shutil.copytree(source, part)
        if not complete:
            shutil.rmtree(part / "variables")
        base.mkdir(exist_ok=True)
        part.rename(base / str(number))
        return base / str(number)

    copy.base = base
    copy.variables = models / HALF / "00002" / "variables"
    return copy


def expected(version):
    return 4.0 if version % 2 else 5.0


VERSIONS, CLIENTS = 20, 16


class Parity(tf.Module):
    """Says twice whether its version is odd, once from far into 8 MB."""

    def __init__(self, version):
        super().__init__()
        self.small = tf.Variable(float(version % 2))
        self.large = tf.Variable(tf.fill([1 << 21], float(version % 2)))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def answer(self, x):
        return {"y": x + self.small, "z": x + self.large[-1]}


def resident():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


@pytest.fixture
def frozen():
    """What the tests have made is not looked through at every unload."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_new_versions_take_over_under_load(tmp_path, frozen):
    base = tmp_path / "m"
    for number in (1, 2):
        module = Parity(number)
        made = str(tmp_path / f"made{number}")
        tf.saved_model.save(module, made, module.answer)

    def push(number):
        part = tmp_path / f"{number}.part"
        shutil.copytree(tmp_path / f"made{2 - number % 2}", part)
        base.mkdir(exist_ok=True)
        part.rename(base / str(number))

    push(1)
    with serving(base) as asking:
        wrong, counts, done = [], collections.Counter(), threading.Event()

        def call():
            while not done.is_set():
                asked = request("m", x=[4.0])
                try:
                    answer = asking._predict(asked, timeout=SECONDS)
                except grpc.RpcError as error:
                    wrong.append(error)
                    continue
                version = answer.model_spec.version.value
                told = {
                    answer.outputs[name].float_val[0] for name in ("y", "z")
                }
                if told != {4.0 + version % 2}:
                    wrong.append((version, told))
                counts[version] += 1
                # Sixteen that never pause leave the loading no processor.
                done.wait(0.02)

        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            calling = [pool.submit(call) for _ in range(CLIENTS)]
            try:
                for number in range(2, VERSIONS + 1):
                    push(number)
                    asking.wait_for(number, States.AVAILABLE)
                    asking.wait_for(number - 1, States.END)
                    if number == 2:
                        after_the_first = resident()
            finally:
                done.set()
        for one in calling:
            one.result()
        assert not wrong
        assert sum(counts.values()) > 10 * CLIENTS
        assert len(counts) > VERSIONS / 2
        assert resident() < 1.1 * after_the_first


class WithTable(tf.Module):
    """Reads a file when it is loaded."""

    def __init__(self, folder):
        super().__init__()
        words = folder / "words.txt"
        words.write_text("鼠标\n")
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                str(words),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "x")])
    def rows(self, x):
        return {"y": self.table.lookup(x)}


def test_what_cannot_be_loaded_leaves_the_old_version(push, tmp_path):
    push(1)
    with serving(push.base) as asking:
        (push.base / "2").mkdir()
        (push.base / "2" / "saved_model.pb").write_bytes(b"\x00\x01")
        status = asking.wait_for(2, States.END).status
        assert status.error_code == Code.DATA_LOSS.value[0]
        assert "Can't parse" in status.error_message
        push(3, complete=False)
        status = asking.wait_for(3, States.END).status
        assert status.error_code
        assert "variables" in status.error_message
        (push.base / "4").mkdir()
        status = asking.wait_for(4, States.END).status
        assert status.error_code == Code.NOT_FOUND.value[0]
        assert "Could not find SavedModel" in status.error_message
        shutil.copytree(push.variables.parent, tmp_path / "5")
        for file in (tmp_path / "5" / "variables").iterdir():
            os.truncate(file, file.stat().st_size // 2)
        (tmp_path / "5").rename(push.base / "5")
        status = asking.wait_for(5, States.END).status
        assert status.error_code == Code.DATA_LOSS.value[0]
        module = WithTable(tmp_path)
        tf.saved_model.save(module, str(tmp_path / "6"), module.rows)
        (tmp_path / "6" / "assets" / "words.txt").unlink()
        (tmp_path / "6").rename(push.base / "6")
        status = asking.wait_for(6, States.END).status
        assert "words.txt" in status.error_message
        assert asking.predict() == (1, 4.0)
        assert asking.states()[1].state == States.AVAILABLE
        # One that failed is tried anew when it is pushed anew.
        for number in (4, 5, 6):
            shutil.rmtree(push.base / str(number))
        asking.server.core.look()
        push(4)
        asking.wait_for(4, States.AVAILABLE)
        assert asking.predict() == (4, 5.0)


def test_a_load_is_tried_again(push):
    push(1)
    with serving(
        push.base, max_num_load_retries=100, load_retry_interval_micros=50_000
    ) as asking:
        half = push(2, complete=False)
        asking.wait_for(2, States.LOADING)
        time.sleep(0.1)
        assert asking.predict() == (1, 4.0)
        shutil.copytree(push.variables, half / "variables")
        asking.wait_for(2, States.AVAILABLE)
        assert asking.predict() == (2, 5.0)


def test_a_base_path_that_goes_away_or_is_empty(push):
    push(1)
    with serving(push.base) as asking:
        push.base.rename(push.base.parent / "away")
        asking.server.core.look()
        assert asking.predict() == (1, 4.0)
        push.base.mkdir()
        asking.wait_for(1, States.END)
        with refused(
            Code.NOT_FOUND, "Servable not found for request: Latest(m)"
        ):
            asking.predict()
        push(1)
        asking.wait_for(1, States.AVAILABLE)
        assert asking.predict() == (1, 4.0)


def test_a_folder_that_cannot_be_read_leaves_the_old_version(push):
    # A link to itself cannot be read by anyone, not even by root.
    push(1)
    with serving(push.base) as asking:
        (push.base / "2").symlink_to("2")
        status = asking.wait_for(2, States.END).status
        assert "Could not find SavedModel" in status.error_message
        push(3)
        asking.wait_for(3, States.AVAILABLE)
        (push.base / "2").unlink()
        away = push.base.parent / "away"
        push.base.rename(away)
        push.base.symlink_to(push.base.name)
        asking.server.core.look()
        assert asking.predict() == (3, 4.0)
        push.base.unlink()
        away.rename(push.base)
        push(4)
        asking.wait_for(4, States.AVAILABLE)
        assert asking.predict() == (4, 5.0)


def _write_warmup(folder, *requests):
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for one in requests:
            writer.write(one)


def _log(signature, **inputs):
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(request("m", signature, **inputs))
    return log.SerializeToString()


def test_warm_up_decides_whether_a_version_is_taken(push):
    _write_warmup(push(1), _log("checked", x=[1.0]), _log("", x=[1.0]))
    with serving(push.base) as asking:
        assert asking.predict() == (1, 4.0)
        for number, records, part in (
            (2, [_log("checked", x=[7.0])], "x must be below 5, but is"),
            (3, [b"\xff"], "Failed to parse warmup record"),
            (4, [_log("", x=[1.0])] * 1001, "exceeds the maximum (1000)"),
            (
                5,
                [prediction_log_pb2.PredictionLog().SerializeToString()],
                "Unsupported log_type for warmup",
            ),
        ):
            folder = push.base.parent / f"{number}.new"
            shutil.copytree(push.base / "1", folder)
            shutil.rmtree(folder / "assets.extra")
            _write_warmup(folder, *records)
            folder.rename(push.base / str(number))
            status = asking.wait_for(number, States.END).status
            assert part in status.error_message
        folder = push.base.parent / "6.new"
        shutil.copytree(push.base / "1", folder)
        (folder / "assets.extra" / "tf_serving_warmup_requests").write_text(
            "no records" * 100
        )
        folder.rename(push.base / "6")
        asking.wait_for(6, States.END)
        assert asking.predict() == (1, 4.0)


def test_a_version_that_is_in_use_is_not_unloaded(push):
    push(1)
    with serving(push.base) as asking:
        answers = []

        def slow():
            asked = request("m", "slow", rounds=np.array([4000], np.int32))
            answers.append(asking._predict(asked, timeout=SECONDS))

        thread = threading.Thread(target=slow)
        thread.start()
        time.sleep(0.1)
        push(2)
        asking.wait_for(2, States.AVAILABLE)
        thread.join()
        assert answers[0].model_spec.version.value == 1
        asking.wait_for(1, States.END)


def test_labels_only_on_what_is_available(push, tmp_path):
    push(1)
    text = (
        f'model_config_list {{ config {{ name: "m" base_path: "{push.base}" '
        'model_platform: "tensorflow" '
        'version_labels { key: "stable" value: 1 } } }'
    )
    path = tmp_path / "models.config"
    path.write_text(text)
    flags = {"model_config_file": str(path), "model_base_path": ""}
    with (
        pytest.raises(
            DataError,
            match="Request to assign label to version 1 of model m, which is "
            "not currently available for inference",
        ),
        serving(push.base, **flags),
    ):
        pass
    with serving(
        push.base, allow_version_labels_for_unavailable_models=True, **flags
    ) as asking:
        answer = asking._predict(
            request("m", x=[4.0], label="stable"), timeout=SECONDS
        )
        assert answer.outputs["y"].float_val[0] == 4.0


def test_the_configuration_file_is_read_again(push, tmp_path):
    push(1)
    push(2)
    path = tmp_path / "models.config"

    def write(version):
        path.write_text(
            f'model_config_list {{ config {{ name: "m" base_path: '
            f'"{push.base}" model_platform: "tensorflow" '
            f"model_version_policy {{ specific {{ versions: {version} }} }} "
            "} }"
        )

    write(1)
    with serving(
        push.base,
        model_base_path="",
        model_config_file=str(path),
        model_config_file_poll_wait_seconds=1,
    ) as asking:
        assert asking.predict() == (1, 4.0)
        path.write_text("model_config_list {")
        time.sleep(1.2)
        assert asking.predict() == (1, 4.0)
        write(2)
        asking.wait_for(2, States.AVAILABLE)
        assert asking.predict() == (2, 5.0)
