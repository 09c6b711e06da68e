"""The node on a log, one stage a process, so that each one's memory shows.

`python -m benchmarks.events.ours STAGE FOLDER SHARDS` leaves the stage's
costs in `FOLDER/STAGE.json`:

- `ingest` encodes the Parquet files as Examples as `parquet_ingest` does.
- `behavior` runs the Beam pipelines of the `BehaviorLog` node.
"""

import json
import pathlib
import sys

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from benchmarks.events import log
from benchmarks.events.costs import measured
from components.behavior_log.pipeline import BehaviorLogPaths, run_behavior_log
from components.behavior_log.settings import BehaviorLogSettings
from components.catalogue import tables
from components.parquet_ingest.encoding import examples_from_table

# As a pipeline runs on one machine.
LOCAL_BEAM = (
    "--runner=DirectRunner",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
)
_OUT = "ours"
_ROWS_AT_ONCE = 10_000


def paths_of(folder: pathlib.Path) -> BehaviorLogPaths:
    """Says where the stages read and write."""
    out = folder / _OUT
    return BehaviorLogPaths(
        events=str(out / "events"),
        catalogue=str(out / "catalogue"),
        users="",
        examples=str(out / "examples"),
        histories=str(out / "histories"),
        queries=str(out / "queries"),
        report=str(out / "report"),
    )


def ingest(folder: pathlib.Path, shards: int) -> dict:
    """Encodes events, a file of Examples a Parquet file, and items."""
    del shards
    paths = paths_of(folder)
    sources = sorted((folder / log.EVENTS).iterdir())
    with measured() as costs:
        for index, source in enumerate(sources):
            _encode(source, paths.events, index)
        _encode(folder / log.ITEMS, paths.catalogue, 0)
    return costs


def _encode(source, target, index):
    split = pathlib.Path(target, "Split-all")
    split.mkdir(parents=True, exist_ok=True)
    path = str(split / f"data_tfrecord-{index:05d}.gz")
    options = tf.io.TFRecordOptions(
        compression_type="GZIP", compression_level=1
    )
    with tf.io.TFRecordWriter(path, options) as writer:
        for table in tables.read_parquet(str(source), _ROWS_AT_ONCE):
            for example in examples_from_table(table):
                writer.write(example)


def behavior(folder: pathlib.Path, shards: int) -> dict:
    """Runs the node; adds its report to the costs."""
    options = PipelineOptions(list(LOCAL_BEAM))
    with measured() as costs:
        report = run_behavior_log(
            paths_of(folder),
            BehaviorLogSettings(num_shards=shards),
            lambda: beam.Pipeline(options=options),
        )
    return {**costs, "report": report}


def main(stage: str, folder: pathlib.Path, shards: int) -> None:
    """Does one stage and leaves its costs."""
    costs = {"ingest": ingest, "behavior": behavior}[stage](folder, shards)
    (folder / f"{stage}.json").write_text(json.dumps(costs))


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]))
