"""Plans an update: which version to go on with, and what is new."""

import dataclasses
import posixpath
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.update_plan import records, times
from components.update_plan.plan import Plan
from components.update_plan.settings import PlanSettings
from datasets.tables import conform
from schema.errors import DataError

# In the place of a version's folder: trains anew.
ANEW = "anew"
_EVENTS = "events"


def make_plan(
    *,
    data_dir: str,
    records_dir: str,
    warm_start: str,
    span: str,
    folder: str,
    settings: PlanSettings,
) -> Plan:
    """Finds the last version and the span, and writes what to do.

    Args:
      data_dir: The contract's tables; `events` holds a file for each span,
        whose names ascend with time.
      records_dir: Where `records.Record`s of earlier runs lie.
      warm_start: `model_run` of the version to go on with; empty finds the
        newest that was pushed, and `anew` goes on with none.
      span: Name of the file of events that is new, without its ending; empty
        takes all whose names come after the last that the version learned.
      folder: Gets `plan.json`, and what the drift gate compares.
      settings: What a span may hold.

    Raises:
      DataError: There are no events, no such span, nothing new, or the span
        holds what it may not.
    """
    files = _event_files(data_dir)
    last = max(files)
    record = None
    if not warm_start:
        record = records.newest(records_dir)
        warm_start = record.model_run if record else ""
    if warm_start in ("", ANEW):
        plan = Plan(learned=last)
        plan.write(folder)
        return plan
    plan = Plan(
        warm_start=warm_start,
        last_version=record.model if record else "",
        learned=last,
    )
    learned = record.span if record else ""
    if new := _new_files(files, span, learned):
        plan = _with_span(plan, files, new, folder, settings)
    plan.write(folder)
    return plan


def _event_files(data_dir):
    found = {
        posixpath.basename(path).removesuffix(".parquet"): path
        for path in tf.io.gfile.glob(f"{data_dir}/{_EVENTS}/*.parquet")
    }
    if not found:
        raise DataError(
            f"{data_dir}/{_EVENTS} has no .parquet file; the tables must be "
            "there before the pipeline runs"
        )
    return found


def _new_files(files, span, learned):
    """Returns the names of the span's files."""
    if span:
        if span not in files:
            raise DataError(
                f"the span is {span!r}; allowed: a file of events without its "
                f"ending, such as {max(files)!r}, or nothing for all that are "
                f"new"
            )
        return {span}
    if not learned:
        # The version was named by its folder, which does not say.
        return set()
    new = {name for name in files if name > learned}
    if not new:
        raise DataError(
            f"no file of events is newer than {learned!r}, which the last "
            "version has learned; allowed: a file whose name comes after it, "
            "the parameter span for one that comes before, or warm_start="
            f"{ANEW}"
        )
    return new


def _with_span(plan, files, new, folder, settings):
    def all_events() -> Iterator[pa.Table]:
        for path in files.values():
            yield _read(path)

    events = pa.concat_tables(_read(files[name]) for name in sorted(new))
    newest = max(
        (
            int(times.event_times(_read(path, ["timestamp"])).max(initial=0))
            for name, path in files.items()
            if name not in new
        ),
        default=0,
    )
    found = times.event_times(events)
    times.refuse_old(found, newest, settings.late_days)
    first, last = times.begin_of(found, newest), int(found.max())
    plan = dataclasses.replace(
        plan,
        split_timestamp=times.evaluation_begins(
            events, first, settings.positive_event_types, settings.eval_share
        ),
    )
    if settings.allow_drift:
        return plan
    paths = {}
    tf.io.gfile.makedirs(folder)
    for name, table in zip(
        ("span", "before"),
        times.span_and_before(all_events(), first, last),
        strict=True,
    ):
        paths[name] = f"{folder}/{name}.parquet"
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        with tf.io.gfile.GFile(paths[name], "wb") as file:
            file.write(sink.getvalue().to_pybytes())
    return dataclasses.replace(plan, **paths)


def _read(path, columns=None):
    with tf.io.gfile.GFile(path, "rb") as file:
        table = pq.read_table(pa.BufferReader(file.read()), columns=columns)
    return table if columns else conform(table, _EVENTS)
