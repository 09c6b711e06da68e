"""One server for all tests of it, or a real TensorFlow Serving.

`DAOGOU_TFS=host:port` (and `DAOGOU_TFS_REST=host:port`, by default port 8501
of the same host) names one that serves what `tests/serving/foreign_models.py`
wrote to the folder that it knows as `DAOGOU_TFS_MODELS`; the tests under
`conformance/` then ask that one.
"""

import os
import pathlib
import urllib.parse

import grpc
import pytest
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    prediction_service_pb2_grpc,
)

from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from tests import small_shop
from tests.serving import foreign_models
from tests.serving.asking import wait_for_versions


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Folder of the foreign models and their `models.config`."""
    folder = tmp_path_factory.mktemp("models")
    foreign_models.write_all(folder)
    return folder


@pytest.fixture(scope="session")
def server(models):
    """An embedded server of all of them, with every service on."""
    server = ModelServer(
        ServerSettings(
            port=0,
            rest_api_port=-1,
            model_config_file=str(models / "models.config"),
            monitoring_config_file=str(models / "monitoring.config"),
            allow_version_labels_for_unavailable_models=True,
            enable_grpc_healthcheck_service=True,
            enable_grpc_reflection=True,
            max_num_load_retries=0,
        )
    )
    server.start()
    # It opens its ports with the first version of each model, as TensorFlow
    # Serving does; the tests ask both of this one.
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        wait_for_versions(
            model_service_pb2_grpc.ModelServiceStub(channel),
            foreign_models.HALF,
            [2, 1],
        )
    yield server
    server.stop()


@pytest.fixture(scope="session")
def shop_servable(tmp_path_factory):
    """Folder of the servable of a shop of 300 items."""
    folder = tmp_path_factory.mktemp("shop")
    return small_shop.build_servable(folder, retrieve_k=50)


@pytest.fixture(scope="session")
def target(request):
    """host:port of the gRPC API under test."""
    if real := os.environ.get("DAOGOU_TFS"):
        return real
    return f"127.0.0.1:{request.getfixturevalue('server').port}"


@pytest.fixture(scope="session")
def models_there(request):
    """Folder of the models as the server under test knows it."""
    if "DAOGOU_TFS" not in os.environ:
        return request.getfixturevalue("models")
    if folder := os.environ.get("DAOGOU_TFS_MODELS"):
        return pathlib.Path(folder)
    pytest.skip("DAOGOU_TFS_MODELS is not set")


@pytest.fixture(scope="session")
def rest_target(request):
    """host:port of the REST API under test."""
    if real := os.environ.get("DAOGOU_TFS"):
        host = urllib.parse.urlsplit(f"//{real}").hostname
        return os.environ.get("DAOGOU_TFS_REST", f"{host}:8501")
    return f"127.0.0.1:{request.getfixturevalue('server').rest_api_port}"


@pytest.fixture(scope="session")
def channel(target):
    with grpc.insecure_channel(
        target, options=[("grpc.max_receive_message_length", -1)]
    ) as opened:
        yield opened


@pytest.fixture(scope="session")
def prediction(channel):
    """The official stub of PredictionService."""
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="session")
def model_service(channel):
    """The official stub of ModelService."""
    return model_service_pb2_grpc.ModelServiceStub(channel)
