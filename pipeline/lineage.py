"""What a pushed version was made of, as ML Metadata recorded it."""

import dataclasses
import pathlib
import typing

from schema.errors import DataError

if typing.TYPE_CHECKING:
    from ml_metadata import metadata_store

_PUSHED = "PushedModel"
# Where a trained model lies in the artifact of the Trainer.
_SERVING_MODEL = "Format-Serving"


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeRun:
    """One execution of a node.

    Attributes:
      inputs: Folder of the first artifact of each input.
      settings: Its parameters, as JSON text or plain text, by name.
      outputs: Folder of the first artifact of each output.
    """

    inputs: dict[str, pathlib.Path]
    settings: dict[str, str]
    outputs: dict[str, pathlib.Path] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lineage:
    """The executions that a pushed version came from.

    Attributes:
      servable: Of the node `Servable`.
      trainer: Of the node `Trainer`.
      index: Of the node `ItemIndex`.
    """

    servable: NodeRun
    trainer: NodeRun
    index: NodeRun

    @property
    def model_dir(self) -> pathlib.Path:
        """The trained SavedModel that the servable was made of."""
        return self.servable.inputs["model"] / _SERVING_MODEL

    @property
    def model_run_dir(self) -> pathlib.Path:
        """What the Trainer left beside it, for the next training."""
        return self.trainer.outputs["model_run"]


def read_lineage(metadata_path: pathlib.Path, version: str) -> Lineage:
    """Follows a version back to what it was made of.

    Args:
      metadata_path: SQLite file of a local run's ML Metadata.
      version: Name of the version folder that a run pushed.

    Raises:
      DataError: There is no such file, or it does not know the version.
    """
    if not metadata_path.exists():
        raise DataError(
            f"{metadata_path} is missing: what version {version} was made of "
            "is not known; run the pipeline again"
        )
    store = _open(metadata_path)
    pushed = [
        artifact
        for artifact in store.get_artifacts_by_type(_PUSHED)
        if artifact.custom_properties["pushed_version"].string_value == version
    ]
    if not pushed:
        raise DataError(
            f"{metadata_path} knows of no pushed version {version}; it was "
            "pushed by another pipeline"
        )
    pusher = _inputs(store, _producer(store, pushed[-1]))
    servable = _producer(store, pusher["model"])
    made_of = _inputs(store, servable)
    return Lineage(
        servable=_node_run(store, servable),
        trainer=_node_run(store, _producer(store, made_of["model"])),
        index=_node_run(store, _producer(store, made_of["index"])),
    )


def _open(path) -> "metadata_store.MetadataStore":
    from ml_metadata import metadata_store, proto

    config = proto.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = proto.SqliteMetadataSourceConfig.READONLY
    return metadata_store.MetadataStore(config)


def _producer(store, artifact):
    """Returns the execution that made an artifact first, cached ones left."""
    from ml_metadata import proto

    made = proto.Event.OUTPUT
    events = [
        event
        for event in store.get_events_by_artifact_ids([artifact.id])
        if event.type == made
    ]
    first = min(event.execution_id for event in events)
    return store.get_executions_by_id([first])[0]


def _inputs(store, execution) -> dict:
    from ml_metadata import proto

    return _artifacts(store, execution, proto.Event.INPUT)


def _artifacts(store, execution, kind) -> dict:
    """Returns the first artifact of each input, or output, by its name."""
    events = [
        event
        for event in store.get_events_by_execution_ids([execution.id])
        if event.type == kind
    ]
    artifacts = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id(
            [event.artifact_id for event in events]
        )
    }
    return {
        event.path.steps[0].key: artifacts[event.artifact_id]
        for event in events
    }


def _node_run(store, execution) -> NodeRun:
    from ml_metadata import proto

    inputs, outputs = (
        {
            name: pathlib.Path(artifact.uri)
            for name, artifact in _artifacts(store, execution, kind).items()
        }
        for kind in (proto.Event.INPUT, proto.Event.OUTPUT)
    )
    return NodeRun(
        inputs=inputs,
        outputs=outputs,
        settings={
            name: value.string_value
            for name, value in execution.custom_properties.items()
            if value.HasField("string_value")
        },
    )
