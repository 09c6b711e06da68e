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
from serving.model_server.errors import of

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"
# Without a deadline gRPC says so with one that is far away.
_NEVER_SECONDS = 1e8
_QUIET_TURNS, _TURN_SECONDS = 10, 0.02
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
        self._refused = 0

    def close(self) -> None:
        """Refuses all calls that arrive from now on."""
        self._closed.set()

    def wait_until_quiet(self, seconds: float) -> None:
        """Waits until those who still call have been refused.

        That is when no call has come while this thread woke up ten times: on
        a machine that has much else to do, calls may lie unread for longer
        than any time that one would choose.

        Args:
          seconds: How long to wait at most.
        """
        end = time.monotonic() + seconds
        quiet, before = 0, self._refused
        while quiet < _QUIET_TURNS and time.monotonic() < end:
            time.sleep(_TURN_SECONDS)
            quiet = quiet + 1 if self._refused == before else 0
            before = self._refused

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler | None:
        """Answers a call, or leaves it to the handlers that follow."""
        del handler_call_details
        if not self._closed.is_set():
            return None
        self._refused += 1

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
        # Not the errors themselves: one that is kept where it was caught holds
        # on to the request until a collection finds the circle.
        except message.DecodeError:
            code = grpc.StatusCode.INTERNAL
            text = f"Failed to parse {kind.DESCRIPTOR.name}"
        except Exception as error:
            code, text = of(error).code, of(error).cut()
        return context.abort(code, text)

    return grpc.unary_unary_rpc_method_handler(
        answer,
        response_serializer=lambda response: response.SerializeToString(),
    )
