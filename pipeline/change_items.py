"""Pushes a version with changed items beside the one that a run pushed."""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator

import pyarrow as pa

from components.catalogue.settings import CatalogueSettings
from components.item_changes import applying
from components.item_changes.changes import Changes
from components.item_changes.checking import check
from components.item_changes.drift import Drift
from components.item_changes.merging import keep_marks, merge, unknown
from components.item_index.building import QUERY_SPLITS
from components.pusher.publishing import publish
from components.serving_validator.settings import ServingValidatorSettings
from components.serving_validator.validation import validate_here
from datasets.items_file import read_items, refuse
from models.serving_graph.settings import ServableSettings
from pipeline.lineage import read_lineage
from pipeline.places import local_places
from schema.errors import DataError

REPORT_KEY = "changed_items"
_FOLDER = "changes"
_TRIES = 3
# Of folders that a killed process leaves.
_TEMPORARY = ".tmp-"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shop:
    """A run whose pushed model is to know other items.

    Attributes:
      report: The run's `report.json`.
      runs: Folder of all runs.
      preset: The run's.
    """

    report: pathlib.Path
    runs: pathlib.Path
    preset: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Push:
    """What was pushed.

    Attributes:
      version: Name of the new version folder.
      path: The folder.
      added: Items that are new with this version, or back.
      changed: Items that it shows and describes anew.
      removed: Items that it shows no more.
      items: Items that it shows.
      recall: Share of the nearest items that the index finds now; None where
        the search is exact.
      built_recall: The share when the run built the index.
      rebuild_advised: Whether that has fallen so far that a run is due.
    """

    version: str
    path: str
    added: int
    changed: int
    removed: int
    items: int
    recall: float | None
    built_recall: float | None
    rebuild_advised: bool


class _Now:
    """What a shop's items are before they change.

    Attributes:
      base: What the run left.
      changes: Since.
      shown: Ids of the items that are shown.
    """

    def __init__(self, base: applying.Base, changes: Changes):
        self.base = base
        self.changes = changes
        self.shown = {i.decode() for i in changes.behind(base.item_ids())}
        self.shown -= {i.decode() for i in changes.removed}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Change:
    """Rows to put in, as `check` returns them, or ids to take out."""

    rows: pa.Table | None = None
    removed: Collection[str] = ()


def add_items(file: pathlib.Path, shop: Shop, *, replace: bool) -> Push:
    """Adds the items of a file to the newest version of a run.

    Nothing is pushed unless all rows are good and the new version, loaded as
    a server would, answers; the report then names it.

    Args:
      file: CSV, Parquet or JSON lines in the contract's items form.
      shop: The run.
      replace: Whether items may stand in for those with the same id.

    Raises:
      DataError: A row is bad, what the run left is gone or too old, or
        somebody else is changing items.
      GateError: The new version does not answer as it must.
    """
    given = read_items(file)

    def decide(now: _Now) -> _Change:
        dated = now.base.dates_items()
        return _Change(
            rows=check(
                file,
                given,
                known=now.shown,
                replace=replace,
                settings=CatalogueSettings(),
                listed_at=int(time.time()) if dated else 0,
                image_width=now.base.image_width(),
            )
        )

    return _push(shop, decide)


def update_items(file: pathlib.Path, shop: Shop) -> Push:
    """Changes columns of items that are there: price, stock, title, any.

    Args:
      file: As for `add_items`; `item_id` and what changes. An empty cell
        leaves what is there.
      shop: The run.

    Raises:
      DataError: As `add_items`; an id that the shop does not have.
      GateError: The new version does not answer as it must.
    """
    given = read_items(file, whole=False)

    def decide(now: _Now) -> _Change:
        ids = now.shown.intersection(given["item_id"].to_pylist())
        there = now.base.examples(
            now.changes, {item_id.encode() for item_id in ids}
        )
        rows = check(
            file,
            merge(file, given, there),
            known=now.shown,
            replace=True,
            settings=CatalogueSettings(),
            listed_at=0,
            image_width=now.base.image_width(),
        )
        return _Change(rows=keep_marks(rows, given, there))

    return _push(shop, decide)


def remove_items(file: pathlib.Path, shop: Shop) -> Push:
    """Takes items out: they are shown no more, and still count in histories.

    Args:
      file: As for `add_items`; only `item_id` is read.
      shop: The run.

    Raises:
      DataError: As `add_items`; an id that the shop does not have.
      GateError: The new version does not answer as it must.
    """
    ids = read_items(file, whole=False)["item_id"].to_pylist()

    def decide(now: _Now) -> _Change:
        there = {item_id.encode() for item_id in now.shown}
        refuse(file, unknown(ids, there))
        return _Change(removed=set(ids))

    return _push(shop, decide)


def _push(shop: Shop, decide: Callable[[_Now], _Change]) -> Push:
    home = pathlib.Path(local_places(shop.runs, shop.preset).pipeline_root)
    with _alone(home.parent / _FOLDER) as folder:
        return _push_alone(shop, decide, folder)


def _push_alone(shop, decide, folder) -> Push:
    report = json.loads(shop.report.read_text(encoding="utf-8"))
    places = local_places(shop.runs, shop.preset)
    state = report.get(REPORT_KEY, {})
    of_run = run_version(report)
    base = read_base(pathlib.Path(places.metadata_path), of_run)
    before = Changes({})
    if state:
        before = Changes.read(pathlib.Path(state["path"]))
    now = _Now(base, before)
    change = decide(now)
    with tempfile.TemporaryDirectory(dir=folder, prefix=_TEMPORARY) as made:
        work = pathlib.Path(made)
        drift = applying.build(
            base,
            before,
            work,
            rows=change.rows,
            removed={item_id.encode() for item_id in change.removed},
        )
        servable = work / applying.SERVABLE
        serving = validate_here(
            servable,
            work / "validation",
            ServingValidatorSettings(repetitions=_TRIES),
        )
        path, version = publish(str(servable), places.serving_dir)
        shutil.rmtree(servable)
        kept = folder / version
        os.rename(work, kept)
        work.mkdir()  # what the end of the block removes
    push = _told(now, change, drift, path=path, version=version)
    report["servable"] |= {**serving, "path": path, "version": version}
    report["catalogue"]["path"] = str(kept / applying.CATALOGUE)
    report[REPORT_KEY] = {
        "run_version": of_run,
        "path": str(kept / applying.CHANGES),
        "items": push.items,
    }
    _replace_file(shop.report, report)
    if state:
        shutil.rmtree(pathlib.Path(state["path"]).parent, ignore_errors=True)
    return push


def _told(
    now: _Now, change: _Change, drift: Drift | None, *, path: str, version: str
) -> Push:
    put = [] if change.rows is None else change.rows["item_id"].to_pylist()
    changed = sum(item_id in now.shown for item_id in put)
    added = len(put) - changed
    return Push(
        version=version,
        path=path,
        added=added,
        changed=changed,
        removed=len(change.removed),
        items=len(now.shown) + added - len(change.removed),
        recall=drift.recall if drift else None,
        built_recall=drift.built if drift else None,
        rebuild_advised=drift is not None and drift.too_far,
    )


def run_version(report: dict) -> str:
    """Returns the version that the run of a report pushed.

    Items that were changed since made newer ones, of the same model.
    """
    changed = report.get(REPORT_KEY, {})
    return changed.get("run_version") or report["servable"]["version"]


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Makes a folder and holds its lock, which a killed process loses."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"{folder} is locked: items are being changed by another "
                "process; try again when it is done"
            ) from error
        for left in folder.glob(f"{_TEMPORARY}*"):
            shutil.rmtree(left)
        yield folder


def read_base(metadata_path: pathlib.Path, version: str) -> applying.Base:
    """Finds what a run's version was made of; see `read_lineage`."""
    lineage = read_lineage(metadata_path, version)
    servable = lineage.servable
    examples = servable.inputs["examples"]
    campaigns = servable.inputs.get("campaigns")
    return applying.Base(
        model_dir=lineage.model_dir,
        index_dir=servable.inputs["index"],
        catalogue_split=servable.inputs["catalogue"] / applying.SPLIT,
        behaviour_splits=[examples / f"Split-{name}" for name in QUERY_SPLITS],
        settings=ServableSettings.from_json(servable.settings["settings"]),
        campaigns_split=campaigns / applying.SPLIT if campaigns else None,
    )


def _replace_file(path: pathlib.Path, report: dict) -> None:
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.write_text(
        json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    fresh.replace(path)
