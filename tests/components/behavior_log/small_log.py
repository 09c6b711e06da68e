"""Writes small tables as Examples, runs the node on them, reads it all back."""

import dataclasses
import json
import pathlib
from collections.abc import Callable

import apache_beam as beam
import pyarrow.parquet as pq
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from components.behavior_log.pipeline import BehaviorLogPaths, run_behavior_log
from components.behavior_log.settings import BehaviorLogSettings

IN_MEMORY = [
    "--runner=DirectRunner",
    "--direct_running_mode=in_memory",
    "--direct_num_workers=1",
]
FUNNEL = ("click=click,favorite,cart,buy", "buy=buy")


def make_pipeline() -> beam.Pipeline:
    """Returns an empty pipeline of the in-memory runner."""
    return beam.Pipeline(options=PipelineOptions(IN_MEMORY))


def _feature(value):
    if value is None:
        return tf.train.Feature()
    if isinstance(value, list):
        made = tf.train.Feature()
        for one in value:
            made.MergeFrom(_feature(one))
        return made
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    raw = value.encode() if isinstance(value, str) else value
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[raw]))


def write_table(folder: pathlib.Path, *files: list[dict]) -> str:
    """Writes rows as Examples, one list a file; None is an empty feature.

    A list is a feature with as many values.
    """
    for index, rows in enumerate(files):
        path = folder / "Split-all" / f"data_tfrecord-{index:05d}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for row in rows:
                features = {name: _feature(v) for name, v in row.items()}
                example = tf.train.Example(
                    features=tf.train.Features(feature=features)
                )
                writer.write(example.SerializeToString())
    return str(folder)


def _plain(value):
    return value.decode() if isinstance(value, bytes) else value


def read_file(file: pathlib.Path) -> list[dict]:
    """Reads the Examples of a file in order, every feature as a list."""
    rows = []
    for raw in tf.data.TFRecordDataset(str(file), "GZIP"):
        features = tf.train.Example.FromString(raw.numpy()).features
        row = {}
        for name, feature in sorted(features.feature.items()):
            kind = feature.WhichOneof("kind")
            values = getattr(feature, kind).value if kind else []
            row[name] = [_plain(value) for value in values]
        rows.append(row)
    return rows


def read_split(folder: pathlib.Path, split: str = "all") -> list[dict]:
    """Reads a split, sorted by user, time and item."""
    rows = []
    for file in sorted((folder / f"Split-{split}").glob("*")):
        rows += read_file(file)
    return sorted(
        rows,
        key=lambda r: (r.get("user_id"), r.get("timestamp"), r.get("item_id")),
    )


@dataclasses.dataclass
class Outcome:
    """What the node left behind.

    Attributes:
      folder: Where.
    """

    folder: pathlib.Path

    @property
    def report(self) -> dict:
        """`report.json`."""
        return json.loads((self.folder / "report/report.json").read_text())

    @property
    def letters(self) -> list[dict]:
        """Rows of `dead_letters.parquet`."""
        path = self.folder / "report/dead_letters.parquet"
        return pq.read_table(path).to_pylist()

    @property
    def histories(self) -> list[dict]:
        """Rows of `histories.parquet`."""
        path = self.folder / "histories/histories.parquet"
        return pq.read_table(path).to_pylist()

    @property
    def queries(self) -> dict[str, int]:
        """`queries.parquet`."""
        table = pq.read_table(self.folder / "queries/queries.parquet")
        return {r["query"]: r["count"] for r in table.to_pylist()}

    def split(self, name: str) -> list[dict]:
        """Examples of one split."""
        return read_split(self.folder / "examples", name)

    def files(self) -> dict[str, bytes | list[dict]]:
        """All files with their content.

        Examples are decoded: the order of features within one is not fixed.
        """
        return {
            str(path.relative_to(self.folder)): read_file(path)
            if path.suffix == ".gz"
            else path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }


def items_of(events: list[dict]) -> list[dict]:
    """Makes a catalogue of all items that events name."""
    ids = sorted({e["item_id"] for e in events if e.get("item_id")})
    return [{"item_id": item} for item in ids]


def run(
    folder: pathlib.Path,
    *event_files: list[dict],
    items: list[dict] | None = None,
    users: list[dict] | None = None,
    make: Callable[[], beam.Pipeline] = make_pipeline,
    **settings,
) -> Outcome:
    """Runs the node; without `items`, all items of the log are known."""
    if items is None:
        items = items_of([e for events in event_files for e in events])
    settings = {"heads": FUNNEL, "num_shards": 2} | settings
    paths = BehaviorLogPaths(
        events=write_table(folder / "in/events", *event_files),
        catalogue=write_table(folder / "in/catalogue", items),
        users=write_table(folder / "in/users", users) if users else "",
        examples=str(folder / "out/examples"),
        histories=str(folder / "out/histories"),
        queries=str(folder / "out/queries"),
        report=str(folder / "out/report"),
    )
    run_behavior_log(paths, BehaviorLogSettings(**settings), make)
    return Outcome(folder / "out")


def event(user: str, kind: str, item: str, timestamp: int, **more) -> dict:
    """Makes one row of the events table."""
    return {
        "user_id": user,
        "event_type": kind,
        "item_id": item,
        "timestamp": timestamp,
        **more,
    }
