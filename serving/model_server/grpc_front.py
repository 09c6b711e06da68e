"""The gRPC services: what comes over the wire, and goes back."""

import threading
import time
import typing
from collections.abc import Callable

import grpc
from google.protobuf import message
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
# Request and answer of each method.
METHODS: dict[str, dict[str, tuple[typing.Any, typing.Any]]] = {
    PREDICTION_SERVICE: {
        "Predict": (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
        "Classify": (
            classification_pb2.ClassificationRequest,
            classification_pb2.ClassificationResponse,
        ),
        "Regress": (
            regression_pb2.RegressionRequest,
            regression_pb2.RegressionResponse,
        ),
        "MultiInference": (
            inference_pb2.MultiInferenceRequest,
            inference_pb2.MultiInferenceResponse,
        ),
        "GetModelMetadata": (
            get_model_metadata_pb2.GetModelMetadataRequest,
            get_model_metadata_pb2.GetModelMetadataResponse,
        ),
    },
    MODEL_SERVICE: {
        "GetModelStatus": (
            get_model_status_pb2.GetModelStatusRequest,
            get_model_status_pb2.GetModelStatusResponse,
        ),
        "HandleReloadConfigRequest": (
            model_management_pb2.ReloadConfigRequest,
            model_management_pb2.ReloadConfigResponse,
        ),
    },
}

Ask = Callable[[typing.Any, grpc.ServicerContext], typing.Any]


def handlers(api: Api) -> list[grpc.GenericRpcHandler]:
    """Returns PredictionService and ModelService for a gRPC server.

    Args:
      api: Answers.
    """
    others: dict[str, Ask] = {
        "GetModelMetadata": lambda request, _: api.model_metadata(request),
        "GetModelStatus": lambda request, _: api.model_status(request),
        "HandleReloadConfigRequest": _reload(api),
    }
    return [
        grpc.method_handlers_generic_handler(
            service,
            {
                name: _handler(others.get(name) or _inference(api, name), kind)
                for name, (kind, _) in methods.items()
            },
        )
        for service, methods in METHODS.items()
    ]


class Gate(grpc.GenericRpcHandler):
    """Refuses calls that arrive after it is closed, before all handlers.

    A server that stops cancels calls that it has not looked at yet, and no
    client tries those again; UNAVAILABLE it does. What has arrived before is
    answered, even if it still waits for a thread.
    """

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._last_call = 0.0

    def close(self) -> None:
        """Refuses all calls that arrive from now on."""
        self._last_call = time.monotonic()
        self._closed.set()

    def wait_until_quiet(self, quiet_seconds: float, seconds: float) -> None:
        """Waits until those who still call have been refused.

        Args:
          quiet_seconds: For how long none shall have called.
          seconds: How long to wait at most.
        """
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            left = self._last_call + quiet_seconds - now
            if left <= 0:
                return
            time.sleep(min(left, end - now))

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        """Answers a call, or leaves it to the handlers that follow."""
        del handler_call_details
        if not self._closed.is_set():
            return None
        self._last_call = time.monotonic()

        def refuse(_, context):
            context.abort(
                grpc.StatusCode.UNAVAILABLE, "The server is shutting down"
            )

        return grpc.unary_unary_rpc_method_handler(refuse)


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
    def answer(raw, context):
        try:
            # Here and not in gRPC, which would log every broken request with
            # a traceback.
            return ask(kind.FromString(raw), context)
        except ServingError as error:
            problem = error
        except message.DecodeError:
            problem = ServingError(
                grpc.StatusCode.INTERNAL,
                f"Failed to parse {kind.DESCRIPTOR.name}",
            )
        except Exception as error:
            problem = of(error)
        return context.abort(problem.code, problem.cut())

    return grpc.unary_unary_rpc_method_handler(
        answer,
        response_serializer=lambda response: response.SerializeToString(),
    )
