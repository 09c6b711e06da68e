"""Adds a span of logs to a run's tables, or takes it away again.

The tables of a run stay what the pipeline reads; a span adds a file of events
and stands its items, users and campaigns in for those with the same id. All
of it happens in a copy (of links, where the file system has them) that takes
the tables' place at once, and what was there is kept until the new version is
pushed.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from components.update_plan import times
from datasets.tables import conform, write_table
from schema.contract import TABLES
from schema.errors import DataError
from schema.settings import Settings

JOURNAL = "spans.json"
DAY_SECONDS = times.DAY_SECONDS
_KEYS = {"items": "item_id", "users": "user_id", "campaigns": "campaign_id"}
_EVENTS = "events"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpanSettings(Settings):
    """What a span may hold, and what of it evaluates.

    Attributes:
      late_days: How long before the newest event of the log an event of the
        span may have happened, as late ones and those of a back-filled day
        have; older ones are refused. At least 0.
      keep_days: Events older than that, counted from the newest, leave the
        tables; 0 keeps all.
      eval_share: Share of the span's latest time that is left out of training
        and evaluates; above 0, below 1.
    """

    late_days: float = 7.0
    keep_days: float = 0.0
    eval_share: float = 0.2

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A field has a value that is not allowed.
        """
        for field in ("late_days", "keep_days"):
            self.check(field, getattr(self, field) >= 0, ">= 0")
        self.check("eval_share", 0 < self.eval_share < 1, "(0, 1)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Span:
    """What was added.

    Attributes:
      name: Of its file of events.
      first: Unix seconds of its first event that is not late.
      last: Of its last event.
      events: Rows of events.
      late: Those that happened before the newest event of the log till then.
      dropped: Events that left the tables, by `keep_days`.
      added: Rows of `items`, `users`, `campaigns` with a new id.
      replaced: Those that stand in for earlier ones.
    """

    name: str
    first: int
    last: int
    events: int
    late: int
    dropped: int
    added: dict[str, int]
    replaced: dict[str, int]


@contextlib.contextmanager
def alone(data_dir: pathlib.Path) -> Iterator[None]:
    """Holds the tables' lock, which a killed process loses.

    A change that a killed process left half done is taken back first.

    Raises:
      DataError: There are no tables, or somebody else adds a span.
    """
    if not data_dir.is_dir() and not _before(data_dir).is_dir():
        raise DataError(
            f"{data_dir} is not there; run the pipeline once, and then "
            "update it"
        )
    with (data_dir.parent / ".spans.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"{data_dir} is being updated by another process; try again "
                "when it is done"
            ) from error
        if _before(data_dir).is_dir():
            take_back(data_dir)
        yield


def add_span(
    data_dir: pathlib.Path,
    tables: Mapping[str, pa.Table],
    settings: SpanSettings,
) -> Span:
    """Puts a span's rows into the tables; `keep` or `take_back` comes next.

    Rows that the log has already do no harm: `BehaviorLog` drops duplicates,
    and counts them.

    Args:
      data_dir: The run's tables.
      tables: `events`, and of the others those that change, in the contract's
        form.
      settings: What may be in it.

    Raises:
      DataError: There are no events with a time, or they are too old.
    """
    events = conform(tables[_EVENTS], _EVENTS)
    newest = _newest(data_dir)
    happened = times.event_times(events)
    times.refuse_old(happened, newest, settings.late_days)
    work = data_dir.with_name(f".{data_dir.name}.new")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(data_dir, work, copy_function=_link)
    journal = spans_of(data_dir)
    name = f"span-{len(journal) + 1:05}"
    pq.write_table(events, work / _EVENTS / f"{name}.parquet")
    added, replaced = {}, {}
    for table in (t for t in TABLES if t in tables and t != _EVENTS):
        added[table], replaced[table] = _merge(work, table, tables[table])
    last = max(newest, int(happened.max()))
    span = Span(
        name=name,
        first=times.begin_of(happened, newest),
        last=int(happened.max()),
        events=events.num_rows,
        late=int((happened <= newest).sum()),
        dropped=_drop_before(work, last, settings.keep_days),
        added=added,
        replaced=replaced,
    )
    journal.append(dataclasses.asdict(span))
    # A link would change the journal of what was there.
    (work / JOURNAL).unlink(missing_ok=True)
    (work / JOURNAL).write_text(json.dumps(journal, indent=1), encoding="utf-8")
    data_dir.rename(_before(data_dir))
    work.rename(data_dir)
    return span


def keep(data_dir: pathlib.Path) -> None:
    """Lets go of the tables as they were before the span."""
    shutil.rmtree(_before(data_dir))


def take_back(data_dir: pathlib.Path) -> None:
    """Puts the tables back as they were before the span."""
    shutil.rmtree(data_dir, ignore_errors=True)
    _before(data_dir).rename(data_dir)


def spans_of(data_dir: pathlib.Path) -> list[dict]:
    """Returns what each `Span` added so far says, oldest first."""
    path = data_dir / JOURNAL
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def write_neighbours(
    data_dir: pathlib.Path, span: Span, folder: pathlib.Path
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes the span's events and those of as long before, for comparing.

    Args:
      data_dir: The run's tables, the span among them.
      span: What was added; its late events are left out.
      folder: Gets `span.parquet` and `before.parquet`.

    Returns:
      Both paths; a span shorter than a day is held against a day.
    """
    folder.mkdir(parents=True, exist_ok=True)
    events = (
        conform(pq.read_table(file), _EVENTS) for file in _event_files(data_dir)
    )
    now, before = times.span_and_before(events, span.first, span.last)
    paths = folder / "span.parquet", folder / "before.parquet"
    for table, path in zip((now, before), paths, strict=True):
        pq.write_table(table, path)
    return paths


def _before(data_dir):
    return data_dir.with_name(f".{data_dir.name}.before")


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)
    return target


def _event_files(data_dir):
    return sorted((data_dir / _EVENTS).glob("*.parquet"))


def _newest(data_dir):
    """Returns the newest time; statistics of row groups say it."""
    newest = 0
    for file in _event_files(data_dir):
        found = times.event_times(pq.read_table(file, columns=["timestamp"]))
        newest = max(newest, int(found.max(initial=0)))
    return newest


def _merge(data_dir, table, given):
    """Lets rows stand in for those with the same id; returns both counts."""
    key = _KEYS[table]
    given = conform(given, table)
    there = None
    if (data_dir / table).is_dir():
        there = pq.read_table(data_dir / table)
    known = pc.is_in(given[key], there[key].combine_chunks()) if there else None
    replaced = int(pc.sum(known).as_py() or 0) if known is not None else 0
    if there is not None:
        kept = pc.invert(pc.is_in(there[key], given[key].combine_chunks()))
        given = pa.concat_tables([conform(there, table).filter(kept), given])
    write_table(given, table, data_dir)
    return given.num_rows - (there.num_rows if there else 0), replaced


def _drop_before(data_dir, newest, keep_days):
    if not keep_days:
        return 0
    dropped = 0
    first = newest - keep_days * DAY_SECONDS
    for file in _event_files(data_dir):
        events = pq.read_table(file)
        # Rows without a time are for the pipeline to judge and count.
        happened = pc.fill_null(events["timestamp"], newest)
        kept = events.filter(pc.greater_equal(happened, first))
        dropped += events.num_rows - kept.num_rows
        if kept.num_rows == events.num_rows:
            continue
        file.unlink()  # the link, and not what it shares
        if kept.num_rows:
            pq.write_table(kept, file)
    return dropped
