"""The servers of a model and the configuration that all of them have."""

import pathlib
import time
import typing
from collections.abc import Mapping, Sequence

import grpc
from google.protobuf import text_format
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from schema.errors import DataError
from serving.client import ServerError
from serving.model_server import configs

_States = get_model_status_pb2.ModelVersionStatus
_POLL_SECONDS = 0.2
_SECONDS = 60.0


class Fleet:
    """Servers that read one `models.config`, changed together.

    A change goes to the servers by HandleReloadConfigRequest, then into the
    file, so that a server that starts later, or polls, finds the same.
    """

    def __init__(
        self,
        targets: Sequence[str],
        config: pathlib.Path,
        model: str,
        load_seconds: float = 600.0,
    ):
        """Opens connections and reads the file.

        Args:
          targets: host:port of each server.
          config: Text proto ModelServerConfig, with all models of the
            servers: what is absent from a new configuration is unloaded.
          model: Name of the model that changes.
          load_seconds: How long a server may take to load a version.

        Raises:
          DataError: The file cannot be read, or has no such model.
        """
        self._path = config
        self._load_seconds = load_seconds
        self._config = configs.read(
            str(config), model_server_config_pb2.ModelServerConfig
        )
        models = self._config.model_config_list.config
        named = [one for one in models if one.name == model]
        if not named:
            raise DataError(
                f"{config} has no model {model!r}; it has "
                + (", ".join(one.name for one in models) or "none")
            )
        self._model = named[0]
        self._channels = {
            target: grpc.insecure_channel(target) for target in targets
        }

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._channels.values():
            channel.close()

    def label(self, name: str) -> int | None:
        """Returns the version that a label names; None for none."""
        return self._model.version_labels.get(name)

    def serve(self, versions: Sequence[int], labels: Mapping[str, int]) -> None:
        """Serves these versions of the model under these labels.

        Versions that are new are waited for before a label names them.

        Args:
          versions: All that shall be loaded.
          labels: Version by label; versions of `versions`.

        Raises:
          ServerError: A server refuses or does not answer, or a version
            cannot be loaded. Labels are as they were.
        """
        policy = self._model.model_version_policy
        policy.specific.versions[:] = sorted(versions)
        before = dict(self._model.version_labels)
        # Labels of versions that are not loaded are refused; those that go
        # must be gone before their version is.
        self._set_labels({k: v for k, v in before.items() if v in versions})
        self._reload()
        for version in versions:
            self._wait_for(version)
        self._set_labels(labels)
        self._reload()
        text = text_format.MessageToString(self._config)
        part = self._path.with_name(f".{self._path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(self._path)

    def available(self) -> list[int]:
        """Returns the versions that every server answers with, newest first.

        Raises:
          ServerError: A server does not answer.
        """
        common: set[int] | None = None
        for target in self._channels:
            there = {
                one.version
                for one in self._states(target)
                if one.state == _States.AVAILABLE
            }
            common = there if common is None else common & there
        return sorted(common or (), reverse=True)

    def _set_labels(self, labels: Mapping[str, int]) -> None:
        self._model.version_labels.clear()
        self._model.version_labels.update(labels)

    def _reload(self) -> None:
        request = model_management_pb2.ReloadConfigRequest(config=self._config)
        for target, channel in self._channels.items():
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            try:
                stub.HandleReloadConfigRequest(request, timeout=_SECONDS)
            except grpc.RpcError as error:
                raise _translated(error, target) from error

    def _wait_for(self, version: int) -> None:
        for target in self._channels:
            end = time.monotonic() + self._load_seconds
            while True:
                states = {one.version: one for one in self._states(target)}
                found = states.get(version)
                if found is not None and found.state == _States.AVAILABLE:
                    break
                failed = found is not None and found.state == _States.END
                if failed or time.monotonic() > end:
                    why = (
                        found.status.error_message
                        if found is not None
                        else "there is no such folder"
                    )
                    raise ServerError(
                        "UNAVAILABLE",
                        f"{target} does not load version {version} of "
                        f"{self._model.name}: {why or 'it takes too long'}",
                    )
                time.sleep(_POLL_SECONDS)

    def _states(self, target: str) -> Sequence[typing.Any]:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self._model.name
        stub = model_service_pb2_grpc.ModelServiceStub(self._channels[target])
        try:
            answer = stub.GetModelStatus(request, timeout=_SECONDS)
        except grpc.RpcError as error:
            raise _translated(error, target) from error
        return answer.model_version_status


def _translated(error: typing.Any, target: str) -> ServerError:
    code = error.code().name
    return ServerError(code, f"{target}: {code}: {error.details()}")
