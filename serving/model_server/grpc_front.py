"""The gRPC services: what comes over the wire, and goes back."""

import typing
from collections.abc import Callable

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.model_server.api import Api
from serving.model_server.errors import ServingError, of

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
# Without a deadline gRPC says so with one that is far away.
_NEVER_SECONDS = 1e8
_INFERENCES = {
    "Predict": predict_pb2.PredictRequest,
    "Classify": classification_pb2.ClassificationRequest,
    "Regress": regression_pb2.RegressionRequest,
    "MultiInference": inference_pb2.MultiInferenceRequest,
}

Ask = Callable[[typing.Any, grpc.ServicerContext], typing.Any]


def handlers(api: Api) -> list[grpc.GenericRpcHandler]:
    """Returns PredictionService and ModelService for a gRPC server.

    Args:
      api: Answers.
    """
    prediction = {
        name: _handler(_inference(api, name), kind)
        for name, kind in _INFERENCES.items()
    }
    prediction["GetModelMetadata"] = _handler(
        lambda request, _: api.model_metadata(request),
        get_model_metadata_pb2.GetModelMetadataRequest,
    )
    models = {
        "GetModelStatus": _handler(
            lambda request, _: api.model_status(request),
            get_model_status_pb2.GetModelStatusRequest,
        ),
        "HandleReloadConfigRequest": _handler(
            _reload(api), model_management_pb2.ReloadConfigRequest
        ),
    }
    return [
        grpc.method_handlers_generic_handler(PREDICTION_SERVICE, prediction),
        grpc.method_handlers_generic_handler(MODEL_SERVICE, models),
    ]


def _inference(api: Api, name: str) -> Ask:
    def ask(request, context):
        left = context.time_remaining()
        if left is not None and left > _NEVER_SECONDS:
            left = None
        return api.infer(name, request, left)

    return ask


def _reload(api: Api) -> Ask:
    def ask(request, context):
        api.reload(request, lambda: not context.is_active())
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response

    return ask


def _handler(ask: Ask, kind: typing.Any) -> grpc.RpcMethodHandler:
    def answer(request, context):
        try:
            return ask(request, context)
        except ServingError as error:
            problem = error
        except Exception as error:
            problem = of(error)
        return context.abort(problem.code, problem.cut())

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=kind.FromString,
        response_serializer=lambda response: response.SerializeToString(),
    )
