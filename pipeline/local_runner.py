"""Runs a preset on this machine, from its raw data to a report."""

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
from pipeline.local_nodes import NodeFailedError, cause_of, run_nodes
from pipeline.places import local_places, newest_version
from pipeline.records import NodeRecord
from pipeline.schemas import write_schemas
from pipeline.source import prepare_data, tables_in
from pipeline.update import Update
from schema.errors import DaogouError, DataError


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
    images: bool = False,
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
      images: Whether the model reads the items' images; see
        `presets.with_images`.
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
    if images:
        config = presets.with_images(config)
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


def _readable(error, records, run_dir, verbose) -> DaogouError:
    cause = cause_of(error)
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
