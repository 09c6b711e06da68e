"""Learns from a run, and pushes the servable of campaigns beside its model."""

import dataclasses
import json
import pathlib
import tempfile
import typing

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from applications import run_inputs
from applications.campaigns import learning
from applications.campaigns.learning import Fitted
from applications.campaigns.persons import Persons
from applications.campaigns.settings import CampaignSettings
from applications.campaigns.source import Source, open_source
from applications.shop_log import ShopLog
from components.pusher.publishing import publish
from models.campaigns import recommender
from models.campaigns.warmup import warmup_requests
from models.serving_graph.warmup import write_warmup
from pipeline import presets
from pipeline.change_items import run_version
from pipeline.lineage import read_lineage
from pipeline.places import local_places
from schema.errors import DataError
from serving.requests import HISTORY_FIELDS, Request

# Also what a server calls the servable.
SYSTEM = "campaigns"
JOINED = "campaign_join"
_TOLD = "trained.json"
_CONTEXT = ("city", "device", "gender", "age_band", "level")


@dataclasses.dataclass(frozen=True)
class Pushed:
    """A servable of campaigns.

    Attributes:
      path: The version folder.
      version: Its name.
      of_version: The recommender's version whose towers it has.
      about: Of the training.
    """

    path: str
    version: str
    of_version: str
    about: dict


def open_run(
    runs: pathlib.Path,
    preset: str,
    report: dict,
    settings: CampaignSettings,
    *,
    data: pathlib.Path | None = None,
    log: ShopLog | None = None,
) -> Source:
    """Opens what a finished run knows of campaigns.

    Args:
      runs: Folder of all runs.
      preset: Whose run.
      report: What its `report.json` says.
      settings: Of the campaigns.
      data: Tables, the run's own by default.
      log: Of the events in them, where it is read already.

    Raises:
      DataError: A table or an artifact is missing, or the run pushed nothing.
    """
    places = local_places(runs, preset)
    lineage = read_lineage(
        pathlib.Path(places.metadata_path), run_version(report)
    )
    split = report.get("counts", {}).get("split_timestamp")
    if split is None:
        raise DataError(
            f"the report of preset {preset!r} names no split_timestamp; "
            f"run again: daogou run --preset {preset}"
        )
    data = data or pathlib.Path(places.data_dir)
    config = presets.by_name(preset).behavior_log
    if log is None:
        from applications.shop_log import read_shop_log

        log = read_shop_log(data, config)
    return open_source(
        data=data,
        log=log,
        model_dir=lineage.model_dir,
        catalogue=lineage.servable.inputs["catalogue"] / "Split-all",
        split=split,
        max_history=config.max_history,
        settings=settings,
    )


def learn(source: Source) -> Fitted:
    """Learns from the views before the split.

    Raises:
      DataError: There are too few, or nobody took part.
    """
    settled = source.settled_views()
    return learning.fit(
        source.view_features(settled),
        settled.took_part,
        settled.user,
        source.settings,
    )


def push(
    runs: pathlib.Path,
    preset: str,
    report: dict,
    source: Source,
    fitted: Fitted,
) -> Pushed:
    """Pushes the signature beside the model of a run.

    Campaigns that had ended by the split are only known as past ones. The
    source is used up: its model loses what is not served.

    Args:
      runs: Folder of all runs.
      preset: Whose run.
      report: What its `report.json` says.
      source: Of the run.
      fitted: What was learned from it.

    Raises:
      DataError: All campaigns are over.
    """
    ends = source.columns.ends_at
    rows = np.flatnonzero((ends == 0) | (ends > source.split))
    if not len(rows):
        raise DataError(
            f"all {len(ends)} campaigns ended before the split, "
            f"{source.split}; there is none to recommend"
        )
    made = source.recommender(fitted.scorer, rows, as_of=source.log.end)
    base = pathlib.Path(local_places(runs, preset).serving_dir).parent / SYSTEM
    with tempfile.TemporaryDirectory() as folder:
        recommender.save(made, pathlib.Path(folder))
        write_warmup(
            pathlib.Path(folder),
            warmup_requests(latest_users(source)),
            model=SYSTEM,
        )
        path, version = publish(folder, str(base))
    pushed = Pushed(path, version, run_version(report), fitted.about)
    _write(runs, preset, pushed)
    return pushed


def latest_users(source: Source) -> dict[str, np.ndarray]:
    """Returns what is known of the users who were active last.

    Args:
      source: Of a run; `num_warmup` of its settings says how many.
    """
    events = source.log.events
    newest = events.user[np.argsort(-events.timestamp, kind="stable")]
    users = newest[np.sort(np.unique(newest, return_index=True)[1])]
    users = users[: source.settings.num_warmup]
    return source.persons.at(users, np.full(len(users), source.log.end))


def last_pushed(runs: pathlib.Path, preset: str, report: dict) -> Pushed | None:
    """Returns what was pushed for the run's model, None for nothing yet."""
    path = run_inputs.own_folder(runs, preset, SYSTEM) / _TOLD
    try:
        found = Pushed(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    there = (pathlib.Path(found.path) / "saved_model.pb").is_file()
    same = found.of_version == run_version(report)
    return found if there and same else None


def _write(runs, preset, pushed):
    folder = run_inputs.own_folder(runs, preset, SYSTEM)
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{_TOLD}.part"
    told = json.dumps(dataclasses.asdict(pushed), indent=1)
    half.write_text(told, encoding="utf-8")
    half.replace(folder / _TOLD)


@dataclasses.dataclass(frozen=True)
class Person:
    """A user as of some moment.

    Attributes:
      request: As the towers take it.
      past: Campaigns seen and joined, oldest first, ids and event types.
      known: Whether the user is in the log.
    """

    request: Request
    past: tuple[tuple[str, str], ...]
    known: bool

    @property
    def joined(self) -> tuple[str, ...]:
        """Ids of the campaigns that the user has joined."""
        return tuple(
            dict.fromkeys(name for name, kind in self.past if kind == JOINED)
        )


def person_at(persons: Persons, user_id: str, at: int) -> Person:
    """Returns a user of a log as of a moment; a newcomer where unknown.

    Args:
      persons: Of the log.
      user_id: Whose.
      at: Unix seconds; events at earlier seconds alone count.
    """
    users = persons.log.events.users
    row = pc.index(users, pa.scalar(user_id, users.type)).as_py()
    if row < 0:
        return Person(Request(timestamp=at), (), False)
    found = persons.at(np.array([row]), np.array([at]))
    steps = int((found[HISTORY_FIELDS[0]][0] != "").sum())
    given: dict[str, typing.Any] = {
        name: found[name][0][:steps].tolist() for name in HISTORY_FIELDS
    }
    given |= {name: found[name][0] for name in _CONTEXT}
    past = zip(
        found[recommender.CAMPAIGN_IDS][0].tolist(),
        found[recommender.CAMPAIGN_TYPES][0].tolist(),
        strict=True,
    )
    return Person(
        Request(timestamp=at, **given),
        tuple((name, kind) for name, kind in past if name),
        True,
    )
