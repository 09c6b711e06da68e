"""The REST API: paths, and what HTTP calls an error."""

import re
import typing
import urllib.parse

import grpc
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from serving import tensors
from serving.model_server import json_examples, json_tensors, status
from serving.model_server.api import REST, Api
from serving.model_server.errors import (
    ServingError,
    invalid_argument,
    of,
)
from serving.model_server.http_server import Request, Response
from serving.model_server.metrics import Metrics
from serving.model_server.predict import DEFAULT_SIGNATURE

_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_INFER = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION}:"
    r"(?P<method>classify|regress|predict)",
    re.IGNORECASE | re.ASCII,
)
_LOOK = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?P<metadata>/metadata)?",
    re.IGNORECASE | re.ASCII,
)
_CORS = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, GET"),
    ("Access-Control-Allow-Headers", "Content-Type"),
)
_Code = grpc.StatusCode
_STATUSES = {
    _Code.CANCELLED: 499,
    _Code.INVALID_ARGUMENT: 400,
    _Code.DEADLINE_EXCEEDED: 504,
    _Code.NOT_FOUND: 404,
    _Code.ALREADY_EXISTS: 409,
    _Code.PERMISSION_DENIED: 403,
    _Code.RESOURCE_EXHAUSTED: 429,
    _Code.FAILED_PRECONDITION: 400,
    _Code.ABORTED: 409,
    _Code.OUT_OF_RANGE: 400,
    _Code.UNIMPLEMENTED: 501,
    _Code.UNAVAILABLE: 503,
    _Code.UNAUTHENTICATED: 401,
}
_FAULT = 500
_LARGEST_VERSION = 2**63 - 1
_VERSION_DIGITS = 19


class Rest:
    """Answers HTTP requests."""

    def __init__(
        self,
        api: Api,
        metrics: Metrics,
        *,
        timeout_seconds: float,
        metrics_path: str | None = None,
        cors: bool = False,
    ):
        """Puts the parts together.

        Args:
          api: Answers.
          metrics: What the metrics page shows.
          timeout_seconds: Of a request.
          metrics_path: Where that page is; None for nowhere.
          cors: Let pages of other sites call.
        """
        self._api = api
        self._metrics = metrics
        self._timeout = timeout_seconds
        self._metrics_path = metrics_path
        self._headers = _CORS if cors else ()

    def answer(self, request: Request) -> Response:
        """Answers a request; every error has a status and a message."""
        if request.path == self._metrics_path:
            return Response(
                status=200,
                body=self._metrics.page().encode(),
                content_type="text/plain",
            )
        if self._headers and request.method == "OPTIONS":
            return Response(status=200, body=b"", headers=self._headers)
        if not request.path.lower().startswith("/v1/"):
            return self.refuse(404, f"Not found: {request.path}")
        try:
            body = self._answer(request)
        except ServingError as error:
            return self._failed(error)
        except Exception as error:
            return self._failed(of(error))
        return Response(status=200, body=body, headers=self._headers)

    def refuse(self, http_status: int, message: str) -> Response:
        """Returns an answer that says what is wrong."""
        return Response(
            status=http_status,
            body=json_tensors.dump({"error": message}),
            headers=self._headers,
        )

    def _failed(self, error: ServingError) -> Response:
        return self.refuse(_STATUSES.get(error.code, _FAULT), error.message)

    def _answer(self, request: Request) -> bytes:
        if request.method == "POST" and (
            found := _INFER.fullmatch(request.path)
        ):
            spec = _spec(found)
            call = getattr(self, f"_{found['method'].lower()}")
            return call(spec, json_tensors.parse(request.body))
        if request.method == "GET" and (found := _LOOK.fullmatch(request.path)):
            if not found["name"]:
                raise invalid_argument("Missing model name in request.")
            look = self._metadata if found["metadata"] else self._status
            return look(_spec(found))
        raise invalid_argument(
            f"Malformed request: {request.method} {request.path}"
        )

    def _predict(self, spec: model_pb2.ModelSpec, document: dict) -> bytes:
        request = predict_pb2.PredictRequest(model_spec=spec)
        name = json_tensors.signature_name(document)
        request.model_spec.signature_name = name
        with self._api.core.servable(spec) as (version, servable):
            key = name or DEFAULT_SIGNATURE
            definition = servable.signatures.get(key)
            if definition is None:
                raise invalid_argument(
                    f'Serving signature name: "{key}" not found in signature '
                    "def"
                )
            if not definition.inputs:
                raise invalid_argument(
                    "Failed to get input map for signature: "
                    f"{name or 'DEFAULT'}"
                )
            as_rows = json_tensors.fill_inputs(
                document, definition.inputs, definition.defaults, request
            )
            # The signature that was looked at also answers.
            request.model_spec.version.value = version
            response = self._infer("Predict", request)
        arrays = {
            key: tensors.decode(proto)
            for key, proto in response.outputs.items()
        }
        return json_tensors.to_json(arrays, as_rows)

    def _classify(self, spec: model_pb2.ModelSpec, document: dict) -> bytes:
        request = classification_pb2.ClassificationRequest(model_spec=spec)
        self._fill(document, request)
        response = self._infer("Classify", request)
        return json_examples.classes_to_json(response.result)

    def _regress(self, spec: model_pb2.ModelSpec, document: dict) -> bytes:
        request = regression_pb2.RegressionRequest(model_spec=spec)
        self._fill(document, request)
        response = self._infer("Regress", request)
        return json_examples.regressions_to_json(response.result)

    def _fill(self, document: dict, request: typing.Any) -> None:
        name = json_tensors.signature_name(document)
        request.model_spec.signature_name = name
        json_examples.fill_input(document, request.input)

    def _infer(self, call: str, request: typing.Any) -> typing.Any:
        return self._api.infer(call, request, self._timeout, REST)

    def _status(self, spec: model_pb2.ModelSpec) -> bytes:
        response = self._api.model_status(
            get_model_status_pb2.GetModelStatusRequest(model_spec=spec)
        )
        return _to_json(response)

    def _metadata(self, spec: model_pb2.ModelSpec) -> bytes:
        response = self._api.model_metadata(
            get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=spec, metadata_field=[status.SIGNATURE_DEF]
            )
        )
        definitions = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[status.SIGNATURE_DEF].Unpack(definitions)
        return (
            b'{\n"model_spec":'
            + _to_json(response.model_spec)
            + b',\n"metadata": {"signature_def": '
            + _to_json(definitions)
            + b"}\n}\n"
        )


def _spec(found: re.Match) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=_unquoted(found["name"]))
    if found["version"]:
        digits = found["version"].lstrip("0") or "0"
        # Python reads no number of thousands of digits.
        version = int(digits[: _VERSION_DIGITS + 1])
        if version > _LARGEST_VERSION:
            raise invalid_argument(
                f"Failed to convert version: {found['version']} to numeric."
            )
        spec.version.value = version
    if found["label"]:
        spec.version_label = _unquoted(found["label"])
    return spec


def _unquoted(text: str) -> str:
    return urllib.parse.unquote(text, errors="replace")


def _to_json(message: typing.Any) -> bytes:
    return json_format.MessageToJson(
        message,
        always_print_fields_with_no_presence=True,
        preserving_proto_field_name=True,
        indent=1,
    ).encode()
