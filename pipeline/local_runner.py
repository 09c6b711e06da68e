"""Runs a preset on this machine, node after node, and reports on it.

TFX's LocalDagRunner runs the same nodes, but says nothing while it does and
keeps nothing for a report; this one launches them with TFX's own launcher.
"""

import collections.abc
import contextlib
import dataclasses
import datetime
import os
import pathlib
import sys
import time
import traceback
import typing

from models.tuning.settings import TuningSettings
from pipeline import presets, progress
from pipeline.configs import PipelineConfig
from pipeline.places import Places, local_places
from pipeline.records import NodeRecord
from pipeline.schemas import write_schemas
from pipeline.source import prepare_data, tables_in
from pipeline.update import Update
from schema.errors import DaogouError, DataError


class NodeFailedError(DaogouError):
    """A node stopped for a reason that is not the user's data or gates."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a finished run left.

    Attributes:
      report_path: Its `report.json`.
      pushed_version: Name of the version folder that is now newest.
      seconds: Wall time.
    """

    report_path: pathlib.Path
    pushed_version: str
    seconds: float


def run(
    preset: str,
    *,
    data: pathlib.Path | None = None,
    runs: pathlib.Path = pathlib.Path("runs"),
    seed: int | None = None,
    text_models: tuple[str, str] | None = None,
    fine_tune: str | None = None,
    tuning: TuningSettings | None = None,
    use_cache: bool = True,
    verbose: bool = False,
    on_event: progress.Listener = lambda event: None,
    update: Update | None = None,
    trained_with: dict[str, str] | None = None,
) -> RunResult:
    """Runs the pipeline of a preset from raw data to a pushed version.

    Args:
      preset: One of `presets.NAMES`.
      data: Folder of the raw data; None where the preset makes its own.
      runs: Folder of all runs.
      seed: Replaces the preset's seed for the simulation and the training.
      text_models: Replace the preset's text encoder: handles of its
        preprocess and encoder models, as in `TextSettings`.
      fine_tune: Replaces the preset's mode of `FineTuningSettings`.
      tuning: Searches for settings of model and training first.
      use_cache: Whether nodes may reuse what they made in an earlier run.
      verbose: Leaves what TensorFlow, Beam and TFX print on the screen
        instead of in `run.log`.
      on_event: Called with each event of `pipeline.progress`.
      update: The version that training goes on with; the tables are then
        taken as they are.
      trained_with: The Trainer's `custom_config` that this one goes on with,
        whose model and training settings replace the preset's.

    Raises:
      DaogouError: Bad data or settings, or a failed gate; the report of what
        was reached is written all the same.
    """
    started = time.time()
    config = presets.by_name(preset, seed)
    if text_models is not None:
        preprocess, encoder = text_models
        # A student of another encoder has no place beside this one.
        text = dataclasses.replace(
            config.text,
            preprocess=preprocess,
            encoder=encoder,
            query_preprocess="",
            query_encoder="",
        )
        config = dataclasses.replace(config, text=text)
    if fine_tune is not None:
        fine_tuning = dataclasses.replace(config.fine_tuning, mode=fine_tune)
        config = dataclasses.replace(config, fine_tuning=fine_tuning)
    if tuning is not None:
        config = dataclasses.replace(config, tuning=tuning)
    if update is not None:
        config = updating(config, update, trained_with or {})
    places = local_places(runs, preset)
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
    run_dir = pathlib.Path(os.path.abspath(runs)) / preset / stamp
    run_dir.mkdir(parents=True)
    records: dict[str, NodeRecord] = {}
    failure: BaseException | None = None
    with _output_to(None if verbose else run_dir / "run.log"):
        begun = time.time()
        try:
            if update is None:
                note = prepare_data(config, data, places)
                on_event(progress.Note(text=note))
            config = dataclasses.replace(
                config, tables=tables_in(places.data_dir)
            )
            write_schemas(config, pathlib.Path(places.schema_dir))
            records["data"] = NodeRecord(seconds=time.time() - begun)
            run_nodes(
                config,
                places,
                records,
                on_event,
                use_cache=use_cache,
                update=update,
            )
        except Exception as error:
            traceback.print_exc()
            failure = _readable(error, records, run_dir, verbose)
        from pipeline.report.collect import write_report

        report_path = write_report(
            run_dir=run_dir,
            config=config,
            records=records,
            failure=failure,
            started_at=started,
            seconds=time.time() - started,
        )
    if failure is not None:
        raise failure
    _point_latest(run_dir)
    if tuning is not None:
        _keep_tuning(places, tuning)
    result = RunResult(
        report_path=report_path,
        pushed_version=newest_version(places) or "",
        seconds=time.time() - started,
    )
    on_event(
        progress.RunFinished(
            report_path=report_path,
            seconds=result.seconds,
            pushed_version=result.pushed_version,
        )
    )
    return result


def last_tuning(runs: pathlib.Path, preset: str) -> TuningSettings:
    """Returns the search whose run finished last.

    Run again with the same data and code, it is in the cache, and the Trainer
    gets what it found.

    Raises:
      DataError: None has finished.
    """
    path = _tuning_file(local_places(runs, preset))
    if not path.exists():
        raise DataError(
            f"{path} is not there: nothing was tuned for {preset}; "
            f"`daogou tune --preset {preset}` does it"
        )
    return TuningSettings.from_json(path.read_text(encoding="utf-8"))


def _keep_tuning(places, tuning) -> None:
    path = _tuning_file(places)
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.write_text(tuning.to_json(), encoding="utf-8")
    fresh.replace(path)


def _tuning_file(places) -> pathlib.Path:
    return pathlib.Path(places.tuning_dir, "settings.json")


def newest_version(places: Places) -> str | None:
    """Returns the name of the newest version folder, None without any."""
    try:
        names = os.listdir(places.serving_dir)
    except FileNotFoundError:
        return None
    return max((n for n in names if n.isdigit()), key=int, default=None)


def updating(
    config: PipelineConfig, update: Update, trained_with: dict[str, str]
) -> PipelineConfig:
    """Returns the settings of a run that goes on with another.

    Args:
      config: Of the preset.
      update: The version that training goes on with.
      trained_with: As for `run`.
    """
    changes: dict[str, typing.Any] = {
        name: type(getattr(config, name)).from_json(trained_with[key])
        for name, key in (
            ("model", "model_settings"),
            ("training", "training_settings"),
        )
        if key in trained_with
    }
    if update.split_timestamp:
        changes["behavior_log"] = dataclasses.replace(
            config.behavior_log, split_timestamp=update.split_timestamp
        )
    return dataclasses.replace(config, **changes)


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
                    node=name, message=str(_cause(error)).split("\n", 1)[0]
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


def _cause(error: BaseException) -> BaseException:
    """Returns the error of ours behind one of TFX's or Beam's, if any."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, DaogouError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return error


def _readable(error, records, run_dir, verbose) -> DaogouError:
    cause = _cause(error)
    if isinstance(cause, DaogouError):
        return cause
    failed = [name for name, r in records.items() if r.state == "failed"]
    where = f"node {failed[0]}" if failed else "the run"
    log = "above" if verbose else str(run_dir / "run.log")
    return NodeFailedError(
        f"{where} stopped: {type(cause).__name__}: "
        f"{str(cause).strip().splitlines()[0] if str(cause) else ''} "
        f"(everything that was printed: {log})"
    )


@contextlib.contextmanager
def _output_to(
    path: pathlib.Path | None,
) -> collections.abc.Iterator[None]:
    """Sends what this process and its children print to a file."""
    if path is None:
        yield
        return
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for target, source in zip((1, 2), saved, strict=True):
            os.dup2(source, target)
            os.close(source)
        os.close(log)


def _point_latest(run_dir: pathlib.Path) -> None:
    """Lets `latest` name this run, in one step."""
    link = run_dir.parent / "latest"
    fresh = run_dir.parent / f".latest-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(run_dir.name)
    fresh.replace(link)
