"""Server reflection, so that grpcurl needs no .proto files."""

import typing
from collections.abc import Iterator

import grpc
from google.protobuf import descriptor_pool

from serving.wire import Messages

_PACKAGES = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
_SERVICE = "ServerReflection"
_TEXT = """
message ServerReflectionRequest {
  string host = 1;
  oneof message_request {
    string file_by_filename = 3;
    string file_containing_symbol = 4;
    ExtensionRequest file_containing_extension = 5;
    string all_extension_numbers_of_type = 6;
    string list_services = 7;
  }
}
message ExtensionRequest {
  string containing_type = 1;
  int32 extension_number = 2;
}
message ServerReflectionResponse {
  string valid_host = 1;
  ServerReflectionRequest original_request = 2;
  oneof message_response {
    FileDescriptorResponse file_descriptor_response = 4;
    ListServiceResponse list_services_response = 6;
    ErrorResponse error_response = 7;
  }
}
message FileDescriptorResponse {
  repeated bytes file_descriptor_proto = 1;
}
message ListServiceResponse {
  repeated ServiceResponse service = 1;
}
message ServiceResponse {
  string name = 1;
}
message ErrorResponse {
  int32 error_code = 1;
  string error_message = 2;
}
"""
# Both packages have the same messages.
MESSAGES = Messages(_PACKAGES[0], _TEXT)
ReflectionRequest: typing.Any = MESSAGES["ServerReflectionRequest"]
ReflectionResponse: typing.Any = MESSAGES["ServerReflectionResponse"]


class Reflection:
    """Tells the services, and the files that describe them."""

    def __init__(self, services: typing.Iterable[str]):
        """Takes the names of the services, in full."""
        self._services = [
            *services,
            *(f"{package}.{_SERVICE}" for package in _PACKAGES),
        ]
        self._pool = descriptor_pool.Default()

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        """Returns what a gRPC server registers."""
        method = grpc.stream_stream_rpc_method_handler(
            self._answer_all,
            request_deserializer=ReflectionRequest.FromString,
            response_serializer=lambda m: m.SerializeToString(),
        )
        return [
            grpc.method_handlers_generic_handler(
                f"{package}.{_SERVICE}", {"ServerReflectionInfo": method}
            )
            for package in _PACKAGES
        ]

    def _answer_all(self, requests, context) -> Iterator[typing.Any]:
        del context
        for request in requests:
            response = ReflectionResponse(
                valid_host=request.host, original_request=request
            )
            try:
                self._answer(request, response)
            except KeyError as error:
                problem = response.error_response
                problem.error_code = grpc.StatusCode.NOT_FOUND.value[0]
                problem.error_message = f"not found: {error.args[0]}"
            yield response

    def _answer(self, request, response) -> None:
        kind = request.WhichOneof("message_request")
        if kind == "list_services":
            for name in self._services:
                response.list_services_response.service.add(name=name)
        elif kind == "file_by_filename":
            self._add_file(
                self._pool.FindFileByName(request.file_by_filename), response
            )
        elif kind == "file_containing_symbol":
            self._add_file(
                self._pool.FindFileContainingSymbol(
                    request.file_containing_symbol
                ),
                response,
            )
        else:
            response.error_response.error_code = (
                grpc.StatusCode.UNIMPLEMENTED.value[0]
            )
            response.error_response.error_message = f"{kind} is not answered"

    def _add_file(self, file, response) -> None:
        """Adds a file and all that it imports."""
        seen = {}
        todo = [file]
        while todo:
            one = todo.pop()
            if one.name not in seen:
                seen[one.name] = one.serialized_pb
                todo += one.dependencies
        response.file_descriptor_response.file_descriptor_proto.extend(
            seen.values()
        )
