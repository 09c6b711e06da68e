"""The log and the catalogue of a run, or logs of one's own."""

import dataclasses
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

from applications import run_inputs
from applications.intent import content, job, logs
from applications.intent.content import Content
from applications.intent.logs import Counts
from applications.intent.settings import IntentSettings
from schema.errors import DataError

SYSTEM = "intent"


@dataclasses.dataclass(frozen=True)
class Source:
    """What is learned from.

    Attributes:
      log: Merged and cleaned.
      counts: What became of its rows.
      content: Items, and the searches of before `until`.
      until: Unix seconds, that are learned from.
    """

    log: pa.Table
    counts: Counts
    content: Content
    until: int


def read_log(
    runs: pathlib.Path,
    preset: str,
    paths: tuple[pathlib.Path, ...],
    item_ids: pa.Array,
    most: int,
) -> tuple[pa.Table, Counts]:
    """Reads the logs that are named, or else the run's own.

    Args:
      runs: Folder of all runs.
      preset: Whose run.
      paths: Logs of one's own; none for the run's.
      item_ids: Of the catalogue.
      most: Events an hour of somebody who is no bot.
    """
    chosen = paths or (run_inputs.table_folder(runs, preset, "events"),)
    return logs.merge(chosen, item_ids, most)


def read(
    runs: pathlib.Path,
    preset: str,
    report: dict,
    paths: tuple[pathlib.Path, ...],
    settings: IntentSettings,
) -> Source:
    """Reads what a training needs.

    Args:
      runs: Folder of all runs.
      preset: Whose run: its catalogue, its vectors of texts.
      report: What its `report.json` says.
      paths: Logs of one's own; none for the run's.
      settings: Of the training.

    Raises:
      DataError: A table is missing, or nothing of a log can be used.
    """
    items = pq.read_table(run_inputs.table_folder(runs, preset, "items"))
    log, counts = read_log(
        runs,
        preset,
        paths,
        items["item_id"].combine_chunks(),
        settings.max_events_per_hour,
    )
    until = job.split_time(log, settings.train_share)
    try:
        vectors = run_inputs.text_vectors(runs, preset, report)
    except DataError:
        # What texts mean is lost then; categories and brands are not.
        vectors = None
    known = job.known_queries(log, until)
    return Source(log, counts, content.read(items, known, vectors), until)
