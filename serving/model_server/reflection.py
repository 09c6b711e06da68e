"""Server reflection, so that grpcurl needs no .proto files."""

import typing
from collections.abc import Iterator, Mapping

import grpc
from google.protobuf import descriptor_pb2, message

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


# Request and answer of each method.
Methods = Mapping[str, tuple[type[message.Message], type[message.Message]]]


class Reflection:
    """Tells the services, and the files that describe them."""

    def __init__(self, services: Mapping[str, Methods]):
        """Describes services.

        Args:
          services: Their methods, by name in full.
        """
        self._services = [
            *services,
            *(f"{package}.{_SERVICE}" for package in _PACKAGES),
        ]
        # Serialised file descriptors, the names of what they import, and the
        # file of each symbol.
        self._files: dict[str, bytes] = {}
        self._imports: dict[str, list[str]] = {}
        self._homes: dict[str, str] = {}
        for name, methods in services.items():
            self._describe(name, methods)

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
            self._add_file(request.file_by_filename, response)
        elif kind == "file_containing_symbol":
            self._add_file(
                self._homes[request.file_containing_symbol], response
            )
        else:
            response.error_response.error_code = (
                grpc.StatusCode.UNIMPLEMENTED.value[0]
            )
            response.error_response.error_message = f"{kind} is not answered"

    def _add_file(self, name: str, response) -> None:
        """Adds a file and all that it imports."""
        seen: dict[str, bytes] = {}
        todo = [name]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen[one] = self._files[one]
                todo += self._imports[one]
        response.file_descriptor_response.file_descriptor_proto.extend(
            seen.values()
        )

    def _describe(self, name: str, methods: Methods) -> None:
        """Makes a file of a service; no installed package has one."""
        package, _, short = name.rpartition(".")
        file = descriptor_pb2.FileDescriptorProto(
            name=f"{name.replace('.', '/')}.proto",
            package=package,
            syntax="proto3",
        )
        service = file.service.add(name=short)
        for method, kinds in methods.items():
            asked, answer = (kind.DESCRIPTOR for kind in kinds)
            service.method.add(
                name=method,
                input_type=f".{asked.full_name}",
                output_type=f".{answer.full_name}",
            )
            self._homes[f"{name}.{method}"] = file.name
            for part in (asked.file, answer.file):
                self._take(part)
                if part.name not in file.dependency:
                    file.dependency.append(part.name)
        self._homes[name] = file.name
        self._files[file.name] = file.SerializeToString()
        self._imports[file.name] = list(file.dependency)

    def _take(self, file) -> None:
        """Takes in a file of messages and what it imports."""
        if file.name in self._files:
            return
        self._files[file.name] = file.serialized_pb
        self._imports[file.name] = [one.name for one in file.dependencies]
        for one in (
            *file.message_types_by_name.values(),
            *file.enum_types_by_name.values(),
        ):
            self._homes[one.full_name] = file.name
        for one in file.dependencies:
            self._take(one)
