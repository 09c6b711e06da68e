"""A server of one foreign model, with flags of a test."""

import contextlib

from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from tests.serving.foreign_models import HALF


@contextlib.contextmanager
def serving(models, **flags):
    server = ModelServer(
        ServerSettings(
            **{
                "port": 0,
                "model_name": HALF,
                "model_base_path": str(models / HALF),
            }
            | flags
        )
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)
