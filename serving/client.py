"""Asks a model server over gRPC: ours or TensorFlow Serving.

Needs grpcio, protobuf and numpy, and no TensorFlow: a service imports it in a
moment. A channel is opened once and used by all threads; calls that find no
server are tried again, others are not.
"""

import ipaddress
import json
import types
import typing
from collections.abc import Awaitable, Mapping

import grpc
import grpc.aio
import numpy as np

from schema.errors import DaogouError, DataError
from schema.settings import SettingsError
from serving import calls, protos, tensors
from serving.calls import AnswerT
from serving.client_settings import (
    Answer,
    ClientSettings,
    Item,
    ServerError,
    Tls,
)

__all__ = [
    "Answer",
    "AsyncClient",
    "Client",
    "ClientSettings",
    "Item",
    "ServerError",
    "Tls",
]

_Code = grpc.StatusCode
_LOCAL = "localhost"


class _Caller(calls.TypedCalls[AnswerT]):
    """A channel and what is sent over it, whichever way calls are made."""

    def __init__(
        self,
        target: str,
        settings: ClientSettings | None,
        kind: types.ModuleType,
    ):
        """Opens a channel.

        Args:
          target: host:port, or unix:path.
          settings: Which model, and how.
          kind: `grpc` or `grpc.aio`.

        Raises:
          SettingsError: A token would be sent unencrypted to another host.
        """
        self._target = target
        self._settings = settings or ClientSettings()
        _check_token(target, self._settings)
        tls = _credentials(self._settings)
        options = _options(self._settings)
        self._channel = (
            kind.insecure_channel(target, options)
            if tls is None
            else kind.secure_channel(target, tls, options)
        )
        self._predict, self._status = _methods(self._channel)
        self._options = {
            "timeout": self._settings.timeout_seconds,
            "metadata": _metadata(self._settings),
        }

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> AnswerT:
        """Calls any signature of any model.

        Args:
          signature: Its name.
          inputs: Arrays by name; strings in arrays of objects.

        Raises:
          DataError: The server refuses; the message says what and why.
          ServerError: It does not answer.
        """
        return self._ask(signature, inputs)

    def _translated(self, error: typing.Any, asked: str) -> DaogouError:
        code, details = error.code(), error.details() or ""
        if code in (_Code.INVALID_ARGUMENT, _Code.FAILED_PRECONDITION):
            return DataError(f"{asked}: {calls.refusal(details)}")
        return ServerError(code.name, f"{self._target}: {code.name}: {details}")


class Client(_Caller[Answer]):
    """Calls that block; any number of threads may share one client."""

    def __init__(self, target: str, settings: ClientSettings | None = None):
        """Opens a channel; the first call connects.

        Args:
          target: host:port, or unix:path.
          settings: Which model, and how.

        Raises:
          SettingsError: A token would be sent unencrypted to another host.
        """
        super().__init__(target, settings, grpc)

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def available_versions(self) -> list[int]:
        """Returns the versions of the model that answer, newest first.

        Raises:
          ServerError: The server does not answer, or has no such model.
        """
        request = _status_request(self._settings)
        return _available(self._call(self._status, request, "status"))

    def _ask(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        slots: calls.Slots = None,
    ) -> Answer:
        request = _request(self._settings, signature, inputs)
        return _answer(self._call(self._predict, request, signature), slots)

    def _call(self, method, request, asked: str) -> typing.Any:
        try:
            return method(request, **self._options)
        except grpc.RpcError as error:
            raise self._translated(error, asked) from error


class AsyncClient(_Caller[Awaitable[Answer]]):
    """The same calls for asyncio; made and used in one event loop."""

    def __init__(self, target: str, settings: ClientSettings | None = None):
        """Opens a channel; the first call connects.

        Args:
          target: host:port, or unix:path.
          settings: Which model, and how.

        Raises:
          SettingsError: A token would be sent unencrypted to another host.
        """
        super().__init__(target, settings, grpc.aio)

    async def __aenter__(self) -> typing.Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel."""
        await self._channel.close()

    async def available_versions(self) -> list[int]:
        """Returns the versions of the model that answer, newest first.

        Raises:
          ServerError: The server does not answer, or has no such model.
        """
        request = _status_request(self._settings)
        return _available(await self._call(self._status, request, "status"))

    async def _ask(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        slots: calls.Slots = None,
    ) -> Answer:
        request = _request(self._settings, signature, inputs)
        response = await self._call(self._predict, request, signature)
        return _answer(response, slots)

    async def _call(self, method, request, asked: str) -> typing.Any:
        try:
            return await method(request, **self._options)
        except grpc.RpcError as error:
            raise self._translated(error, asked) from error


def _options(settings: ClientSettings) -> list[tuple[str, typing.Any]]:
    """Returns options of the channel; gRPC itself does the tries."""
    options: list[tuple[str, typing.Any]] = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    ]
    if settings.attempts > 1:
        policy = {
            "maxAttempts": settings.attempts,
            "initialBackoff": f"{settings.first_pause_seconds:.3f}s",
            "maxBackoff": "5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": [_Code.UNAVAILABLE.name],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": policy}]}
        options.append(("grpc.service_config", json.dumps(config)))
    return options


def _methods(channel: grpc.Channel | grpc.aio.Channel) -> tuple:
    """Returns what calls Predict and GetModelStatus."""
    return tuple(
        channel.unary_unary(
            path,
            request_serializer=kind.SerializeToString,
            response_deserializer=answer.FromString,
        )
        for path, kind, answer in (
            (protos.PREDICT, protos.PredictRequest, protos.PredictResponse),
            (
                protos.GET_MODEL_STATUS,
                protos.GetModelStatusRequest,
                protos.GetModelStatusResponse,
            ),
        )
    )


def _credentials(settings: ClientSettings) -> grpc.ChannelCredentials | None:
    if settings.tls is None:
        return None
    return grpc.ssl_channel_credentials(
        settings.tls.authority, settings.tls.key, settings.tls.certificate
    )


def _metadata(settings: ClientSettings) -> tuple[tuple[str, str], ...]:
    if not settings.token:
        return ()
    return (("authorization", f"Bearer {settings.token}"),)


def _check_token(target: str, settings: ClientSettings) -> None:
    """A token in plain text goes no further than this machine."""
    if not settings.token or settings.tls is not None:
        return
    host = target.rpartition(":")[0].strip("[]")
    local = host == _LOCAL or target.startswith("unix:")
    if not local:
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            local = False
    if not local:
        raise SettingsError(
            f"token would be sent unencrypted to {target}; allowed: with tls, "
            "or to this machine"
        )


def _spec(settings: ClientSettings, signature: str = "") -> typing.Any:
    spec = protos.ModelSpec(name=settings.model, signature_name=signature)
    if settings.version is not None:
        spec.version.value = settings.version
    elif settings.label:
        spec.version_label = settings.label
    return spec


def _request(
    settings: ClientSettings, signature: str, inputs: Mapping[str, np.ndarray]
) -> typing.Any:
    request = protos.PredictRequest(model_spec=_spec(settings, signature))
    for name, array in inputs.items():
        tensors.encode(array, request.inputs[name], as_content=True)
    return request


def _status_request(settings: ClientSettings) -> typing.Any:
    return protos.GetModelStatusRequest(model_spec=_spec(settings))


def _answer(response: typing.Any, slots: calls.Slots) -> Answer:
    outputs = {
        name: tensors.decode(proto) for name, proto in response.outputs.items()
    }
    return Answer(
        version=response.model_spec.version.value,
        outputs=calls.cut(outputs, slots),
    )


def _available(found: typing.Any) -> list[int]:
    return sorted(
        (
            one.version
            for one in found.model_version_status
            if one.state == protos.AVAILABLE
        ),
        reverse=True,
    )
