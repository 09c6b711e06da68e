"""Runs the nodes of a pipeline on this machine, one after the other.

TFX's LocalDagRunner runs the same nodes, but says nothing while it does and
keeps nothing for a report; this one launches them with TFX's own launcher.
"""

import datetime
import pathlib
import time

from pipeline import progress
from pipeline.configs import PipelineConfig
from pipeline.places import Places, newest_version
from pipeline.records import NodeRecord
from pipeline.update import Update
from schema.errors import DaogouError


class NodeFailedError(DaogouError):
    """A node stopped for a reason that is not the user's data or gates."""


def run_nodes(
    config: PipelineConfig,
    places: Places,
    records: dict[str, NodeRecord],
    on_event: progress.Listener,
    *,
    use_cache: bool = True,
    update: Update | None = None,
    until: str = "",
) -> None:
    """Runs the nodes of a pipeline one after the other.

    Args:
      config: What to do.
      places: Where the tables are and everything else goes.
      records: Gets what each node did, also when one fails.
      on_event: Called with each event of `pipeline.progress`.
      use_cache: Whether nodes may reuse what they made in an earlier run.
      update: The version that training goes on with.
      until: The last node to run; all by default.
    """
    from tfx import v1 as tfx

    silent = [
        name
        for name in ("Evaluator", "Pusher", "StatisticsGen", "Transform")
        if getattr(tfx.components, name) is None
    ]
    if silent:
        raise NodeFailedError(
            f"TFX could not import its own {', '.join(silent)}: the "
            "environment is not the locked one; `make setup` makes it"
        )
    from tfx.orchestration.local import runner_utils
    from tfx.orchestration.portable import launcher, runtime_parameter_utils

    from pipeline.pipeline import create_pipeline

    pipeline = create_pipeline(
        config, places, enable_cache=use_cache, update=update
    )
    spec = _compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        spec, {"pipeline-run-id": datetime.datetime.now().isoformat()}
    )
    deployment = runner_utils.extract_local_deployment_config(spec)
    nodes = [node.pipeline_node for node in spec.nodes]
    on_event(
        progress.RunStarted(nodes=tuple(node.node_info.id for node in nodes))
    )
    if newest_version(places) is None:
        # The cache knows that a version was pushed, not that it was deleted.
        _never_cache(nodes, "Pusher")
    connection = pipeline.metadata_connection_config
    for node in nodes:
        name = node.node_info.id
        on_event(progress.NodeStarted(node=name))
        record = records.setdefault(name, NodeRecord(state="failed"))
        begun = time.time()
        try:
            done = launcher.Launcher(
                pipeline_node=node,
                mlmd_connection=_metadata(connection),
                pipeline_info=spec.pipeline_info,
                pipeline_runtime_spec=spec.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(
                    deployment, name
                ),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(
                    deployment, name
                ),
            ).launch()
        except Exception as error:
            record.seconds = time.time() - begun
            on_event(
                progress.NodeFailed(
                    node=name, message=str(cause_of(error)).split("\n", 1)[0]
                )
            )
            raise
        record.seconds = time.time() - begun
        _read_back(connection, done, record)
        on_event(
            progress.NodeFinished(
                node=name,
                seconds=record.seconds,
                cached=record.state == "cached",
            )
        )
        if name == until:
            return


def _compile(pipeline):
    from tfx.dsl.compiler import compiler

    pathlib.Path(
        pipeline.metadata_connection_config.sqlite.filename_uri
    ).parent.mkdir(parents=True, exist_ok=True)
    return compiler.Compiler().compile(pipeline)


def _metadata(connection):
    from tfx.orchestration import metadata

    return metadata.Metadata(connection)


def _read_back(connection, done, record) -> None:
    """Fills a record with what ML Metadata knows of an execution.

    The launcher's own output lacks what the executor set on its artifacts.
    """
    import ml_metadata as mlmd

    with _metadata(connection) as handle:
        store = handle.store
        [execution] = store.get_executions_by_id([done.execution_id])
        events = [
            event
            for event in store.get_events_by_execution_ids([execution.id])
            if event.type == mlmd.proto.Event.OUTPUT
        ]
        artifacts = {
            artifact.id: artifact
            for artifact in store.get_artifacts_by_id(
                [event.artifact_id for event in events]
            )
        }
    cached = execution.last_known_state == mlmd.proto.Execution.CACHED
    record.state = "cached" if cached else "run"
    for event in events:
        artifact = artifacts[event.artifact_id]
        output = event.path.steps[0].key
        record.outputs[output] = artifact.uri
        record.properties[output] = {
            key: getattr(value, value.WhichOneof("value"))
            for key, value in artifact.custom_properties.items()
            if value.WhichOneof("value")
        }


def _never_cache(nodes, name: str) -> None:
    for node in nodes:
        if node.node_info.id == name:
            node.execution_options.caching_options.enable_cache = False


def cause_of(error: BaseException) -> BaseException:
    """Returns the error of ours behind one of TFX's or Beam's, if any."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, DaogouError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error
