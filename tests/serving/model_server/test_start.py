"""What a server does before its ports are open, and its defaults."""

import shutil
import threading
import time

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    prediction_log_pb2,
    regression_pb2,
)

from schema.errors import DataError
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from tests.serving.asking import SECONDS, http, spec
from tests.serving.conformance.test_inference import (
    CLASSIFY,
    examples,
    task,
)
from tests.serving.foreign_models import EXAMPLES, HALF


def test_defaults_are_tensorflow_servings():
    settings = ServerSettings(model_base_path="m")
    assert settings.port == 8500
    assert settings.rest_api_port == 0
    assert settings.model_name == "default"
    assert settings.file_system_poll_wait_seconds == 1
    assert settings.max_num_load_retries == 5
    assert settings.load_retry_interval_micros == 60_000_000
    assert settings.enable_model_warmup
    assert not settings.enable_batching
    assert not settings.enable_grpc_healthcheck_service
    # This one is ours: TensorFlow Serving listens to everyone.
    assert settings.host == "127.0.0.1"


def test_ports_open_when_the_first_models_are_loaded(models, tmp_path):
    base = tmp_path / "m"
    server = ModelServer(
        ServerSettings(port=0, model_name="m", model_base_path=str(base))
    )
    starting = threading.Thread(target=server.start)
    starting.start()
    time.sleep(0.3)
    assert starting.is_alive()
    assert not server.port
    shutil.copytree(models / HALF / "1", tmp_path / "1")
    base.mkdir()
    (tmp_path / "1").rename(base / "1")
    starting.join(SECONDS)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        grpc.channel_ready_future(channel).result(SECONDS)
    server.stop()


def test_a_start_can_be_ended(tmp_path):
    server = ModelServer(
        ServerSettings(port=0, model_base_path=str(tmp_path / "nothing"))
    )
    starting = threading.Thread(target=server.start)
    starting.start()
    server.request_stop()
    starting.join(SECONDS)
    assert not starting.is_alive()
    server.stop()
    assert not server.port


def test_a_model_that_cannot_be_loaded_ends_the_start(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"\x00\x01")
    server = ModelServer(
        ServerSettings(
            port=0, model_base_path=str(tmp_path), max_num_load_retries=0
        )
    )
    with pytest.raises(DataError, match="Failed to start server"):
        server.start()


def _write_warmup(folder):
    logs = [prediction_log_pb2.PredictionLog() for _ in range(3)]
    logs[0].classify_log.request.CopyFrom(
        classification_pb2.ClassificationRequest(
            model_spec=spec(EXAMPLES), input=examples(0.5)
        )
    )
    logs[1].regress_log.request.CopyFrom(
        regression_pb2.RegressionRequest(
            model_spec=spec(EXAMPLES, "regress"), input=examples(0.5)
        )
    )
    logs[2].multi_inference_log.request.CopyFrom(
        inference_pb2.MultiInferenceRequest(
            tasks=[task("", CLASSIFY)], input=examples(0.5)
        )
    )
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())


def test_warm_up_of_examples_and_the_check_of_method_names(models, tmp_path):
    shutil.copytree(models / EXAMPLES / "1", tmp_path / "1")
    _write_warmup(tmp_path / "1")
    flags = {
        "port": 0,
        "rest_api_port": -1,
        "model_name": EXAMPLES,
        "model_base_path": str(tmp_path),
        "num_request_iterations_for_warmup": 2,
        "rest_api_enable_cors_support": True,
        "max_num_load_retries": 0,
    }
    # TensorFlow 2 exports every signature for Predict.
    with pytest.raises(
        DataError,
        match="Expected classification signature method_name to be "
        "tensorflow/serving/classify",
    ):
        ModelServer(
            ServerSettings(enable_signature_method_name_check=True, **flags)
        ).start()
    server = ModelServer(ServerSettings(**flags))
    server.start()
    target = f"127.0.0.1:{server.rest_api_port}"
    assert http(
        target,
        "POST",
        f"/v1/models/{EXAMPLES}:regress",
        {"signature_name": "regress", "examples": [{"x": 1.0}]},
    ) == (200, {"results": [2.5]})
    assert http(target, "OPTIONS", "/v1/models/m:predict")[0] == 200
    # Metrics are off unless a file turns them on.
    assert http(target, "GET", "/monitoring/prometheus/metrics")[0] == 404
    server.stop()


def test_rest_has_a_time_out(models):
    server = ModelServer(
        ServerSettings(
            port=0,
            rest_api_port=-1,
            rest_api_timeout_in_ms=200,
            model_name=HALF,
            model_base_path=str(models / HALF),
        )
    )
    server.start()
    status, answer = http(
        f"127.0.0.1:{server.rest_api_port}",
        "POST",
        f"/v1/models/{HALF}:predict",
        {"signature_name": "slow", "instances": [10**6]},
    )
    assert status == 504
    assert "Timed out" in answer["error"]
    server.stop()
