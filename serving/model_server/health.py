"""grpc.health.v1: whether the server takes requests."""

import threading
import typing

import grpc

from serving.wire import Messages

HEALTH_SERVICE = "grpc.health.v1.Health"
SERVING, NOT_SERVING = 1, 2
MESSAGES = Messages(
    "grpc.health.v1",
    """
message HealthCheckRequest {
  string service = 1;
}
message HealthCheckResponse {
  int32 status = 1;
}
""",
)
HealthCheckRequest: typing.Any = MESSAGES["HealthCheckRequest"]
HealthCheckResponse: typing.Any = MESSAGES["HealthCheckResponse"]
METHODS = {"Check": (HealthCheckRequest, HealthCheckResponse)}


class Health:
    """Answers Check; Watch is left out, which the protocol allows."""

    def __init__(self, services: typing.Iterable[str]):
        """Starts not serving.

        Args:
          services: Their names; `""` is the server as a whole.
        """
        self._services = frozenset(services)
        self._serving = threading.Event()

    def set_serving(self, serving: bool) -> None:
        """Says whether requests are taken."""
        (self._serving.set if serving else self._serving.clear)()

    def handler(self) -> grpc.GenericRpcHandler:
        """Returns what a gRPC server registers."""
        return grpc.method_handlers_generic_handler(
            HEALTH_SERVICE,
            {
                "Check": grpc.unary_unary_rpc_method_handler(
                    self._check,
                    request_deserializer=HealthCheckRequest.FromString,
                    response_serializer=lambda m: m.SerializeToString(),
                )
            },
        )

    def _check(self, request, context):
        if request.service and request.service not in self._services:
            context.abort(grpc.StatusCode.NOT_FOUND, "service name unknown")
        serving = SERVING if self._serving.is_set() else NOT_SERVING
        return HealthCheckResponse(status=serving)
