"""TFX's Pusher executor with another way to write the version."""

from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from components.pusher.publishing import publish
from schema.errors import DataError


class Executor(executor.Executor):
    """Pushes what is blessed so that it appears whole or not at all."""

    def Do(  # noqa: N802  (TFX's name)
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Pushes the model if it is blessed, as TFX's executor does.

        Args:
          input_dict: `model`, and `model_blessing` or `infra_blessing`.
          output_dict: `pushed_model`, gets a copy and the properties
            `pushed`, `pushed_destination` and `pushed_version`.
          exec_properties: `push_destination`, a file system.

        Raises:
          DataError: The destination is no file system.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed_model = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed_model)
            return
        destination = pusher_pb2.PushDestination()  # type: ignore[attr-defined]
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.PUSH_DESTINATION_KEY],
            destination,
        )
        if destination.WhichOneof("destination") != "filesystem":
            raise DataError(
                "push_destination is "
                f"{destination.WhichOneof('destination')!r}; allowed: "
                "filesystem"
            )
        model_path = self.GetModelPath(input_dict)
        # Before the push, so that the push is the last thing that can fail.
        io_utils.copy_dir(model_path, pushed_model.uri)
        path, version = publish(
            model_path, destination.filesystem.base_directory
        )
        self._MarkPushed(
            pushed_model, pushed_destination=path, pushed_version=version
        )
