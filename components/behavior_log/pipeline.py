"""The `BehaviorLog` node: three Beam pipelines and what lies between them.

The split time can only be chosen when all events are counted, so events are
first checked, cut by user into shards and prepared; then the examples of each
shard are made. In between, shards lie in files: a worker holds one shard, and
none holds the log.
"""

import dataclasses
import functools
import json
from collections import Counter
from collections.abc import Callable

import apache_beam as beam
import tensorflow as tf

from components.behavior_log import histories, stages
from components.behavior_log.pseudonyms import read_key
from components.behavior_log.settings import BehaviorLogSettings
from components.behavior_log.split import TimeHistogram, choose_split
from components.catalogue import tables
from components.catalogue.dead_letters import (
    explain,
    merge_parts,
    write_report,
)
from schema.errors import DataError

# Rows of all shards that are held where their tables are merged, and of one.
_MERGED_ROWS = 65_536
_MERGE_ROWS = 4096


@dataclasses.dataclass(frozen=True)
class BehaviorLogPaths:
    """Where the node reads and writes.

    Attributes:
      events: Examples of the events table, split `all`.
      catalogue: Examples of the `Catalogue` node, split `all`.
      users: Examples of the users table, split `all`; empty without one.
      examples: Examples that are written, splits `stages.SPLITS`.
      histories: Folder of `histories.parquet`.
      queries: Folder of `queries.parquet`.
      report: Folder of the DataReport.
    """

    events: str
    catalogue: str
    users: str
    examples: str
    histories: str
    queries: str
    report: str


def run_behavior_log(
    paths: BehaviorLogPaths,
    settings: BehaviorLogSettings,
    make_pipeline: Callable[[], beam.Pipeline],
) -> dict:
    """Makes examples, histories and queries of a log, and counts every event.

    Args:
      paths: Where to read and write.
      settings: The rules.
      make_pipeline: Makes an empty Beam pipeline.

    Returns:
      What `report.json` holds: `events` with `in` = `kept` + `deduplicated`
      + `bots` + `quarantined`, `quarantined_by_reason`, `users`,
      `bot_users`, `sessions`, `event_types`, `split_timestamp`, `examples` by
      split, `label_counts` by head and split, `ranking_source`,
      `sequence_train_short_users`, `ranking_examples_over_cap`, `queries`,
      and with a users table `users_table` and
      `users_quarantined_by_reason`.

    Raises:
      DataError: No event could be kept, or a split would be empty; the report
        and the dead letters are written.
      SettingsError: The key of the pseudonyms is missing.
    """
    key = read_key(settings.pseudonym_key_variable)
    work = stages.Work(f"{paths.report}/work")
    tf.io.gfile.makedirs(work.folder)
    try:
        return _run(paths, settings, make_pipeline, key, work)
    finally:
        tf.io.gfile.rmtree(work.folder)


def _run(paths, settings, make_pipeline, key, work):
    catalogue = tables.example_files(paths.catalogue)
    with make_pipeline() as pipeline:
        (
            pipeline
            | "Catalogue" >> beam.Create(catalogue, reshuffle=True)
            | "Ids" >> beam.ParDo(stages.ReadItemIds())
            | "OneKey" >> beam.WithKeys(None)
            | "All" >> beam.GroupByKey()
            | "WriteIds" >> beam.ParDo(stages.WriteItemIds(work))
        )
    if not tf.io.gfile.exists(work.items):
        raise DataError("the catalogue has no items; at least one is needed")
    with make_pipeline() as pipeline:
        cleaned = {
            name: pipeline
            | f"Files[{name}]"
            >> beam.Create(
                list(enumerate(tables.ingested_files(uri) if uri else [])),
                reshuffle=True,
            )
            | f"Clean[{name}]" >> beam.ParDo(reader(work, settings, key))
            for name, uri, reader in (
                ("events", paths.events, stages.CleanEvents),
                ("users", paths.users, stages.CleanUsers),
            )
        }
        (
            cleaned
            | "ByShard" >> beam.CoGroupByKey()
            | "Prepare" >> beam.ParDo(stages.PrepareShard(work, settings))
        )
    report = _count_events(work, bool(paths.users))
    examples = merge_parts(paths.report, _work_files(work, "*-letters-*"))
    write_report(paths.report, report)
    events = report["events"]
    if not events["in"]:
        raise DataError("the events table has no rows")
    if not events["kept"]:
        left_out = report["quarantined_by_reason"] | {
            name: events[name] for name in ("deduplicated", "bots")
        }
        raise DataError(explain("events", events["in"], left_out, examples))
    split = choose_split(
        _positives(work), settings.eval_fraction, settings.split_timestamp
    )
    has_impressions = "impression" in report["event_types"]
    shards = [
        (
            index := int(path.rpartition("-")[2].removesuffix(".arrow")),
            tf.io.gfile.exists(work.file("profiles", index, "arrow")),
        )
        for path in _work_files(work, "shard-*")
    ]
    with make_pipeline() as pipeline:
        (
            pipeline
            | "Shards" >> beam.Create(shards, reshuffle=True)
            | "Examples"
            >> beam.ParDo(
                stages.MakeExamples(
                    work, paths.examples, settings, split, has_impressions
                )
            )
        )
    report |= _count_examples(work)
    report["split_timestamp"] = split
    report["ranking_source"] = "impressions" if has_impressions else "positives"
    rows_a_shard = min(_MERGE_ROWS, -(-_MERGED_ROWS // max(len(shards), 1)))
    tables.write_parquet(
        f"{paths.histories}/histories.parquet",
        histories.HISTORIES,
        tables.merge_sorted(
            _work_files(work, "histories-*"), "user_id", rows_a_shard
        ),
    )
    report["queries"] = tables.write_parquet(
        f"{paths.queries}/queries.parquet",
        histories.QUERIES,
        map(
            histories.sum_queries,
            tables.merge_sorted(
                _work_files(work, "queries-*"), "query", rows_a_shard
            ),
        ),
    )
    write_report(paths.report, report)
    _check_splits(report)
    return report


def _work_files(work, pattern):
    return sorted(tf.io.gfile.glob(f"{work.folder}/{pattern}"))


def _read_counts(work, kind):
    """Reads counts one by one; a large log has many shards."""
    for path in _work_files(work, f"{kind}-*.json"):
        yield json.loads(tables.read_bytes(path))


def _summed(parts):
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(total)


def _count_events(work, has_users):
    cleaned = list(_read_counts(work, "events-clean"))
    prepared = list(_read_counts(work, "prepared"))
    counts = _summed(part.get("events", {}) for part in prepared)
    reasons = _summed(part["quarantined_by_reason"] for part in cleaned)
    # Users lie whole in a shard, so only there it shows.
    if over := sum(part.get("over_user_limit", 0) for part in prepared):
        reasons["over_user_limit"] = over
    report = {
        "events": {
            "in": sum(part["in"] for part in cleaned),
            **{
                name: counts.get(name, 0)
                for name in ("kept", "deduplicated", "bots")
            },
            "quarantined": sum(reasons.values()),
        },
        "quarantined_by_reason": reasons,
        **{
            name: counts.get(name, 0)
            for name in ("users", "bot_users", "sessions")
        },
        "event_types": _summed(
            part.get("event_types", {}) for part in prepared
        ),
    }
    if has_users:
        rows = list(_read_counts(work, "users-clean"))
        bad = _summed(part["quarantined_by_reason"] for part in rows)
        report["users_table"] = {
            "in": sum(part["in"] for part in rows),
            "kept": 0,
            "deduplicated": 0,
            **_summed(part.get("users_table", {}) for part in prepared),
            "quarantined": sum(bad.values()),
        }
        report["users_quarantined_by_reason"] = bad
    return report


def _positives(work):
    return functools.reduce(
        TimeHistogram.merge,
        map(TimeHistogram.from_json, _read_counts(work, "positives")),
    )


def _count_examples(work):
    parts = list(_read_counts(work, "examples"))
    return {
        "examples": dict.fromkeys(stages.SPLITS, 0)
        | _summed(part["examples"] for part in parts),
        "label_counts": {
            head: _summed(part["label_counts"][head] for part in parts)
            for head in parts[0]["label_counts"]
        },
        **{
            name: sum(part[name] for part in parts)
            for name in (
                "sequence_train_short_users",
                "ranking_examples_over_cap",
            )
        },
    }


def _check_splits(report):
    empty = [split for split, count in report["examples"].items() if not count]
    if empty:
        events = report["events"]["kept"]
        raise DataError(
            f"the log is too small: {events} events of {report['users']} "
            f"users give no example for {', '.join(empty)} with the split at "
            f"{report['split_timestamp']}. train and eval need "
            f"{report['ranking_source']} before and after it, sequence_train "
            "a user with two steps before it, sequence_eval a positive step "
            "that began after it"
        )
