"""What TensorFlow Serving's table does not show: services and bounds."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest
from google.protobuf import (
    descriptor_database,
    descriptor_pb2,
    descriptor_pool,
    text_format,
)
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)

from benchmarks.serving import faults, soak
from schema.errors import DataError
from schema.settings import SettingsError
from serving.model_server.health import (
    HealthCheckRequest,
    HealthCheckResponse,
)
from serving.model_server.reflection import (
    ReflectionRequest,
    ReflectionResponse,
)
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from tests.serving.asking import SECONDS, Code, refused, request
from tests.serving.foreign_models import HALF
from tests.serving.model_server.running import serving, stub


def test_health(channel):
    check = channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )
    for service in ("", "tensorflow.serving.PredictionService"):
        assert check(HealthCheckRequest(service=service)).status == 1
    with refused(Code.NOT_FOUND):
        check(HealthCheckRequest(service="nope"))


def test_reflection_describes_the_services(channel):
    call = channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=ReflectionRequest.SerializeToString,
        response_deserializer=ReflectionResponse.FromString,
    )
    name = "tensorflow.serving.PredictionService"
    listed, described, unknown, other = call(
        iter(
            [
                ReflectionRequest(list_services=""),
                ReflectionRequest(file_containing_symbol=name),
                ReflectionRequest(file_by_filename="nope.proto"),
                ReflectionRequest(all_extension_numbers_of_type="x"),
            ]
        )
    )
    assert name in [one.name for one in listed.list_services_response.service]
    files = descriptor_database.DescriptorDatabase()
    for one in described.file_descriptor_response.file_descriptor_proto:
        files.Add(descriptor_pb2.FileDescriptorProto.FromString(one))
    pool = descriptor_pool.DescriptorPool(files)
    assert "Predict" in pool.FindServiceByName(name).methods_by_name
    assert unknown.error_response.error_code == Code.NOT_FOUND.value[0]
    assert other.error_response.error_code == Code.UNIMPLEMENTED.value[0]


def test_services_are_off_unless_asked_for(models):
    with (
        serving(models, enable_model_reload=False) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        with refused(Code.UNIMPLEMENTED):
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
        service = model_service_pb2_grpc.ModelServiceStub(channel)
        with refused(Code.PERMISSION_DENIED, part="--enable_model_reload"):
            service.HandleReloadConfigRequest(
                model_management_pb2.ReloadConfigRequest(), timeout=SECONDS
            )
        service.GetModelStatus(
            text_format.Parse(
                f'model_spec {{ name: "{HALF}" }}',
                get_model_status_pb2.GetModelStatusRequest(),
            )
        )


def test_bounds_of_requests(models):
    with (
        serving(
            models,
            max_request_bytes=4096,
            grpc_max_threads=1,
            max_queued_requests=1,
        ) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        ask = stub(channel).Predict
        with refused(Code.RESOURCE_EXHAUSTED):
            ask(request(HALF, x=np.zeros(5000, np.float32)), timeout=SECONDS)
        # A few bytes that unfold to many.
        small = request(HALF, x=[1.0])
        small.inputs["x"].ClearField("tensor_content")
        small.inputs["x"].float_val[:] = [1.0]
        small.inputs["x"].tensor_shape.dim[0].size = 2**30
        with refused(Code.RESOURCE_EXHAUSTED, part="larger than the 4096"):
            ask(small, timeout=SECONDS)
        slow = request(HALF, "slow", rounds=np.array([10**6], np.int32))
        waiting = [ask.future(slow, timeout=1.0) for _ in range(2)]
        time.sleep(0.3)
        with refused(Code.RESOURCE_EXHAUSTED):
            ask(request(HALF, x=[1.0]), timeout=SECONDS)
        for one in waiting:
            assert one.exception().code() == Code.DEADLINE_EXCEEDED
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                ask(request(HALF, x=[1.0]), timeout=SECONDS)
                break
            except grpc.RpcError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_requests_that_are_no_messages(channel, caplog):
    for method in ("Predict", "Classify", "GetModelMetadata"):
        call = channel.unary_unary(
            f"/tensorflow.serving.PredictionService/{method}"
        )
        for raw in (b"\xff", b"\x0a\x05ab", b"\x0a\x02\x0a\xff"):
            with refused(Code.INTERNAL, part="Failed to parse "):
                call(raw, timeout=SECONDS)
    # No client fills the log.
    assert not caplog.records


def test_garbage_on_the_grpc_port(server, prediction):
    for raw in (b"\x00" * 1000, b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 7):
        with socket.create_connection(("127.0.0.1", server.port)) as stream:
            stream.sendall(raw)
    prediction.Predict(request(HALF, x=[1.0]), timeout=SECONDS)


def test_answers_can_be_raw_bytes(models):
    with (
        serving(
            models,
            predict_response_tensor_serialization_option="as_proto_content",
        ) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        answer = stub(channel).Predict(request(HALF, x=[1.0]), timeout=SECONDS)
        y = answer.outputs["y"]
        assert np.frombuffer(y.tensor_content, np.float32).tolist() == [3.5]
        assert not y.float_val


def test_listens_on_a_socket_file(models, tmp_path):
    path = tmp_path / "s"
    with (
        serving(models, grpc_socket_path=str(path)),
        grpc.insecure_channel(f"unix:{path}") as channel,
    ):
        stub(channel).Predict(request(HALF, x=[1.0]), timeout=SECONDS)


def test_files_that_are_no_configuration(tmp_path, models):
    path = tmp_path / "x.config"
    base = {"model_base_path": str(models / HALF)}
    for flag, text, part in (
        ("model_config_file", "nonsense", "Invalid protobuf file: "),
        ("ssl_config_file", 'server_key: "a"', "server_key holds no PEM"),
        ("monitoring_config_file", "x: 1", "Invalid protobuf file: "),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=part):
            ModelServer(ServerSettings(**(base | {flag: str(path)})))
    with pytest.raises(DataError, match="cannot be read"):
        ModelServer(
            ServerSettings(model_config_file=str(tmp_path / "none.config"))
        )


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ({}, "give --model_base_path"),
        ({"port": 70000}, r"--port is 70000; allowed: 0 to 65535"),
        ({"port": 5, "rest_api_port": 5}, "are both 5"),
        ({"batching_parameters_file": "x"}, "without --enable_batching"),
        ({"grpc_channel_arguments": "a"}, "allowed: name=value"),
        ({"max_request_bytes": 1}, "allowed: 1024 to"),
        (
            {"predict_response_tensor_serialization_option": "x"},
            "allowed: as_proto_field",
        ),
    ],
)
def test_flags_that_are_refused(flags, part):
    base = {"model_base_path": "m"} if flags else {}
    with pytest.raises(SettingsError, match=part):
        ServerSettings(**(base | flags))


def test_channel_arguments():
    settings = ServerSettings(
        model_base_path="m",
        grpc_channel_arguments="grpc.max_connection_age_ms=2000,grpc.x=y",
    )
    assert settings.channel_options() == [
        ("grpc.max_connection_age_ms", 2000),
        ("grpc.x", "y"),
    ]


def test_a_port_that_is_taken(models, server):
    with (
        pytest.raises(DataError, match="Failed to start server"),
        serving(models, port=server.port),
    ):
        pass


def test_stopping_answers_what_has_been_accepted(models):
    with (
        serving(models) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        ask = stub(channel).Predict
        slow = request(HALF, "slow", rounds=np.array([4000], np.int32))
        accepted = [ask.future(slow, timeout=SECONDS) for _ in range(3)]
        time.sleep(0.2)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        time.sleep(0.1)
        # What comes now may be tried elsewhere.
        with refused(Code.UNAVAILABLE, "The server is shutting down"):
            ask(request(HALF, x=[1.0]), timeout=SECONDS)
        for one in accepted:
            assert len(one.result().outputs["y"].float_val) == 1
        stopping.join()
        with refused(Code.UNAVAILABLE):
            ask(request(HALF, x=[1.0]), timeout=SECONDS)


def test_the_command_serves_until_it_is_told_to_end(models):
    """With a log that cannot be written, and clients to the last moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open("/dev/full", "w") as full:
        done = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "cli.main",
                "--debug",
                "serve",
                f"--model_name={HALF}",
                f"--model_base_path={models / HALF}",
                f"--port={port}",
                "--enable_batching",
                "--enable_model_warmup=false",
            ],
            # As it is without: what cannot be written is tried again later.
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            stderr=full,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = stub(channel).Predict(
                request(HALF, x=[1.0]), timeout=SECONDS, wait_for_ready=True
            )
        assert answer.model_spec.version.value == 2
        found = faults.stop_under_load(
            soak.line_target(port, 0, HALF, two=3.0),
            lambda: done.send_signal(signal.SIGTERM),
            clients=8,
            seconds=0.5,
        )
        assert found["answered"] > 8
        assert found["refused"] == 8
        out, _ = done.communicate(timeout=SECONDS)
        assert done.returncode == 0
        assert out == ""
    finally:
        done.kill()
