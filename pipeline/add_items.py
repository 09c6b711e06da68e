"""Pushes a version with new items beside the one that a run pushed."""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Iterator

from components.catalogue.settings import CatalogueSettings
from components.item_index.building import QUERY_SPLITS
from components.new_items import adding
from components.new_items.added import Added
from components.new_items.checking import check
from components.pusher.publishing import publish
from components.serving_validator.settings import ServingValidatorSettings
from components.serving_validator.validation import validate_here
from datasets.items_file import read_items
from models.serving_graph.settings import ServableSettings
from pipeline.lineage import read_lineage
from pipeline.places import local_places
from schema.errors import DataError

REPORT_KEY = "added_items"
_TRIES = 3
# Of folders that a killed process leaves.
_TEMPORARY = ".tmp-"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Push:
    """What was pushed.

    Attributes:
      version: Name of the new version folder.
      path: The folder.
      added: Items that are new with this version.
      replaced: Items that it shows and describes anew.
      items: Items that it knows.
    """

    version: str
    path: str
    added: int
    replaced: int
    items: int


def add_items(
    file: pathlib.Path,
    report_path: pathlib.Path,
    *,
    runs: pathlib.Path,
    preset: str,
    replace: bool,
) -> Push:
    """Adds the items of a file to the newest version of a run.

    Nothing is pushed unless all rows are good and the new version, loaded as
    a server would, answers; the report then names it.

    Args:
      file: CSV, Parquet or JSON lines in the contract's items form.
      report_path: The run's `report.json`.
      runs: Folder of all runs.
      preset: The run's.
      replace: Whether items may stand in for those with the same id.

    Raises:
      DataError: A row is bad, what the run left is gone or too old, or
        somebody else is adding items.
      GateError: The new version does not answer as it must.
    """
    home = pathlib.Path(local_places(runs, preset).pipeline_root).parent
    with _alone(home / "added"):
        return _add_items(file, report_path, runs, preset, replace=replace)


def _add_items(file, report_path, runs, preset, *, replace) -> Push:
    items = read_items(file)
    report = json.loads(report_path.read_text(encoding="utf-8"))
    places = local_places(runs, preset)
    state = report.get(REPORT_KEY, {})
    of_run = run_version(report)
    base = read_base(pathlib.Path(places.metadata_path), of_run)
    before = Added({})
    if state:
        before = Added.read(pathlib.Path(state["path"]))
    known = {i.decode() for i in before.behind(base.item_ids())}
    rows = check(
        file,
        items,
        known=known,
        replace=replace,
        settings=CatalogueSettings(),
        listed_at=int(time.time()) if base.dates_items() else 0,
    )
    home = pathlib.Path(places.pipeline_root).parent / "added"
    with tempfile.TemporaryDirectory(dir=home, prefix=_TEMPORARY) as made:
        work = pathlib.Path(made)
        adding.build(base, before, rows, work)
        servable = work / adding.SERVABLE
        serving = validate_here(
            servable,
            work / "validation",
            ServingValidatorSettings(repetitions=_TRIES),
        )
        path, version = publish(str(servable), places.serving_dir)
        shutil.rmtree(servable)
        kept = home / version
        os.rename(work, kept)
        work.mkdir()  # what the end of the block removes
    replaced = sum(i in known for i in rows["item_id"].to_pylist())
    push = Push(
        version=version,
        path=path,
        added=rows.num_rows - replaced,
        replaced=replaced,
        items=len(known) + rows.num_rows - replaced,
    )
    report["servable"] |= {**serving, "path": path, "version": version}
    report["catalogue"]["path"] = str(kept / adding.CATALOGUE)
    report[REPORT_KEY] = {
        "run_version": of_run,
        "path": str(kept / adding.ADDED),
        "items": push.items,
    }
    _replace_file(report_path, report)
    if state:
        shutil.rmtree(pathlib.Path(state["path"]).parent, ignore_errors=True)
    return push


def run_version(report: dict) -> str:
    """Returns the version that the run of a report pushed.

    Items that were added since made newer ones, of the same model.
    """
    added = report.get(REPORT_KEY, {})
    return added.get("run_version") or report["servable"]["version"]


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Makes a folder and holds its lock, which a killed process loses."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"{folder} is locked: items are being added by another "
                "process; try again when it is done"
            ) from error
        for left in folder.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(left)
        yield


def read_base(metadata_path: pathlib.Path, version: str) -> adding.Base:
    """Finds what a run's version was made of; see `read_lineage`."""
    lineage = read_lineage(metadata_path, version)
    servable = lineage.servable
    examples = servable.inputs["examples"]
    campaigns = servable.inputs.get("campaigns")
    return adding.Base(
        model_dir=lineage.model_dir,
        index_dir=servable.inputs["index"],
        catalogue_split=servable.inputs["catalogue"] / "Split-all",
        behaviour_splits=[examples / f"Split-{name}" for name in QUERY_SPLITS],
        settings=ServableSettings.from_json(servable.settings["settings"]),
        campaigns_split=campaigns / "Split-all" if campaigns else None,
    )


def _replace_file(path: pathlib.Path, report: dict) -> None:
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.write_text(
        json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    fresh.replace(path)
