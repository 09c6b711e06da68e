"""Logs of several lengths through the node and through DuckDB.

Every stage runs in a process of its own, whose most memory is read at its
end. What both leave must agree before any figure is given: the counts of
events, and the histories of all users, text by text.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import typing
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import environments
from benchmarks.events import log
from benchmarks.events.costs import measured
from benchmarks.events.ours import paths_of
from benchmarks.text import machine
from components.behavior_log import funnel
from components.behavior_log.settings import BehaviorLogSettings
from schema.contract import EVENT_TYPES
from schema.errors import DaogouError

REQUIREMENTS = ("duckdb==1.4.4",)
# More than DuckDB takes of it lies on disk.
PEER_MEMORY = "8GB"
_EVENTS_A_SHARD = 250_000
_LEAST_SHARDS = 16
_COUNTS = ("in", "kept", "deduplicated", "bots", "quarantined")
_TOTALS = ("users", "bot_users", "sessions")
_ITEMS = "history_item_ids"
_LISTS = ("history_event_types", "history_timestamps", "history_queries")
_TAIL_LINES = 5
_MILLION = 1_000_000


class DisagreementError(DaogouError):
    """Two programs made different things of one log."""


class StageError(DaogouError):
    """A stage ended with an error."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      sizes: Events of each log, from short to long; at least one.
      hot_user_events: If above 0, one more log: the shortest one, and so many
        events of one user on top.
      hot_item_share: Share of that log's events on items that are on one
        item; 0 to 1.
      shards: Into how many parts users are cut; 0 takes one for 250,000
        events, at least 16.
      peer: Whether DuckDB does the same.
      folder: Where logs lie while they are needed: about 250 bytes an event.
    """

    sizes: tuple[int, ...]
    hot_user_events: int = 0
    hot_item_share: float = 0.0
    shards: int = 0
    peer: bool = True
    folder: pathlib.Path | None = None

    def logs(self) -> list[log.LogSettings]:
        """Returns the logs, the one with a hot user and item at the end."""
        logs = [log.LogSettings(events=size) for size in sorted(self.sizes)]
        if self.hot_user_events or self.hot_item_share:
            logs.append(
                log.LogSettings(
                    events=logs[0].events + self.hot_user_events,
                    hot_user_events=self.hot_user_events,
                    hot_item_share=self.hot_item_share,
                )
            )
        return logs


def bench(options: Options, say: Callable[[str], None]) -> dict:
    """Measures all logs, one after the other.

    Args:
      options: What is measured.
      say: Told of each stage what it cost, as soon as it is done.

    Returns:
      `logs`, one entry each with the costs of the stages `log` (making it),
      `ingest`, `behavior` and `peer`, and `per_million`; `flat`, how an
      event's processor time of the longest ordinary log compares with that of
      the shortest.

    Raises:
      DisagreementError: The node and DuckDB differ.
      StageError: A stage ended with an error.
    """
    logs = []
    for settings in options.logs():
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            logs.append(_measure(pathlib.Path(name), settings, options, say))
    ordinary = logs[: len(options.sizes)]
    return {
        "machine": {**machine(), "load_average": os.getloadavg()},
        "logs": logs,
        "flat": {
            stage: round(
                ordinary[-1]["per_million"][stage]["cpu_seconds"]
                / ordinary[0]["per_million"][stage]["cpu_seconds"],
                3,
            )
            for stage in ordinary[0]["per_million"]
        },
    }


def _measure(folder, settings, options, say):
    shards = options.shards or max(
        _LEAST_SHARDS, settings.events // _EVENTS_A_SHARD
    )
    with measured() as made:
        log.write_log(folder, settings)
    _tell(say, settings, "log", made)
    costs: dict[str, typing.Any] = {"log": made}
    for stage in ("ingest", "behavior"):
        module = [sys.executable, "-m", "benchmarks.events.ours"]
        _run([*module, stage, str(folder), str(shards)])
        costs[stage] = json.loads((folder / f"{stage}.json").read_text())
        _tell(say, settings, stage, costs[stage])
    report = costs["behavior"].pop("report")
    if options.peer:
        about = _about(BehaviorLogSettings())
        _run(
            [
                str(environments.python_of(REQUIREMENTS)),
                str(pathlib.Path(__file__).with_name("duckdb_peer.py")),
                str(folder),
                json.dumps(about),
            ]
        )
        costs["peer"] = json.loads((folder / "peer.json").read_text())
        _tell(say, settings, "peer", costs["peer"])
        check_same(
            report,
            costs["peer"].pop("counts"),
            pathlib.Path(paths_of(folder).histories, "histories.parquet"),
            folder / "peer" / "histories.parquet",
        )
    return {
        **dataclasses.asdict(settings),
        "shards": shards,
        "costs": costs,
        "per_million": {
            stage: {
                name: round(of_stage[name] * _MILLION / settings.events, 2)
                for name in ("seconds", "cpu_seconds")
            }
            for stage, of_stage in costs.items()
        },
        "counts": {
            **report["events"],
            **{name: report[name] for name in _TOTALS},
            "examples": report["examples"],
        },
    }


def _about(settings):
    """Returns the rules that the peer follows as well."""
    return {
        "event_types": EVENT_TYPES,
        "item_codes": funnel.ITEM_CODES,
        "step_codes": funnel.STEP_CODES,
        "impression": funnel.IMPRESSION_CODE,
        "search": funnel.SEARCH_CODE,
        "max_text_characters": settings.max_text_characters,
        "latest_timestamp": settings.latest_timestamp,
        "max_history": settings.max_history,
        "max_events_per_hour": settings.max_events_per_hour,
        "max_events_per_second": settings.max_events_per_second,
        "session_gap_seconds": settings.session_gap_seconds,
        "threads": os.cpu_count() or 1,
        "memory": PEER_MEMORY,
    }


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-_TAIL_LINES:])
        raise StageError(
            f"`{' '.join(command[:4])}` ended with {done.returncode}: {said}"
        )


def _tell(say, settings, stage, costs):
    say(
        f"{settings.events:,} events, {stage}: {costs['cpu_seconds']:.1f} s "
        f"of processor time, {costs['seconds']:.1f} s, "
        f"{costs['peak_mb']:,.0f} MB"
    )


def check_same(
    report: dict, counts: dict, ours: pathlib.Path, theirs: pathlib.Path
) -> None:
    """Checks that two programs made the same of a log.

    Args:
      report: Of the node.
      counts: Of the peer, by the same names.
      ours: The node's `histories.parquet`.
      theirs: The peer's, event types as codes; users without a step may lack.

    Raises:
      DisagreementError: Names what differs first.
    """
    own = {
        **{name: report["events"][name] for name in _COUNTS},
        **{name: report[name] for name in _TOTALS},
    }
    for name, count in own.items():
        if counts[name] != count:
            raise DisagreementError(
                f"{name}: the node counts {count}, the peer {counts[name]}"
            )
    mine = pq.read_table(ours)
    mine = mine.filter(pc.greater(pc.list_value_length(mine[_ITEMS]), 0))
    other = pq.read_table(theirs).sort_by("user_id")
    for name in ("user_id", _ITEMS, *_LISTS):
        if not _flat(mine[name]).equals(_flat(other[name])):
            raise DisagreementError(
                f"the histories differ in {name}; {mine.num_rows} and "
                f"{other.num_rows} users have one"
            )


def _flat(column):
    """Returns lengths and values of a column, types as text: comparable."""
    values = column.combine_chunks()
    lengths = pa.array([len(values)])
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        lengths = pc.list_value_length(values)
        values = pc.list_flatten(values)
    if pa.types.is_int32(values.type):
        values = pa.array(EVENT_TYPES, pa.string()).take(values)
    if not pa.types.is_integer(values.type):
        values = values.cast(pa.large_string())
    return pa.chunked_array(
        [lengths.cast(pa.large_string()), values.cast(pa.large_string())]
    )
