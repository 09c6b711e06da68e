"""The Beam pipeline of the `Catalogue` node.

One stage reads and checks the files, one by one; the next has all items of a
shard, drops duplicates and writes them. Counts come out as small tables.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.catalogue import tables
from components.catalogue.cleaning import (
    OTHER_WIDTH,
    clean_items,
    image_widths,
    shown,
)
from components.catalogue.dead_letters import (
    SCHEMA,
    dead_letters,
    explain,
    merge_parts,
    write_report,
)
from components.catalogue.settings import CatalogueSettings
from models import hashing
from schema.errors import DataError

# Rows that are decoded at once; small, as one title may have 30 MB.
BATCH_ROWS = 1024


@dataclasses.dataclass(frozen=True)
class CataloguePaths:
    """Where the node reads and writes.

    Attributes:
      items: Examples of the items table, split `all`.
      catalogue: Examples that are written, split `all`.
      report: Folder of the DataReport.
    """

    items: str
    catalogue: str
    report: str


class CleanFile(beam.DoFn):
    """Reads one file of items: (index, path) → (shard, packed table)."""

    def __init__(self, work: str, settings: CatalogueSettings):
        self._work = work
        self._settings = settings

    def process(
        self, element: tuple[int, str]
    ) -> Iterator[tuple[int, tuple[int, int, bytes]]]:
        """Yields kept rows by shard; leaves dead letters and counts."""
        index, path = element
        source = tables.source_of("items", path)
        letters, rows = [], 0
        counts: Counter[str] = Counter()
        widths: Counter[int] = Counter()
        for batch in tables.read_examples(path, BATCH_ROWS):
            clean = clean_items(batch, source, rows, self._settings)
            rows += batch.num_rows
            letters.append(clean.letters)
            counts.update(clean.letters["reason"].to_pylist())
            widths.update(image_widths(clean.kept).tolist())
            yield from _by_shard(index, clean.kept, self._settings.num_shards)
        tables.write_parquet(
            f"{self._work}/letters-{index:05d}.parquet", SCHEMA, letters
        )
        _write_counts(
            f"{self._work}/clean-{index:05d}.json",
            {
                "in": rows,
                "quarantined_by_reason": counts,
                "image_widths": widths,
            },
        )


class WriteShard(beam.DoFn):
    """Drops one shard's odd images and duplicates and writes the others."""

    def __init__(
        self, work: str, catalogue: str, num_shards: int, sources: list[str]
    ):
        self._work = work
        self._catalogue = catalogue
        self._num_shards = num_shards
        self._sources = sources

    def process(
        self, element: tuple[int, Iterable[tuple[int, int, bytes]]]
    ) -> None:
        """Writes `Split-all/data_tfrecord-<shard>-of-<shards>.gz`."""
        shard, parts = element
        items = pa.concat_tables(
            tables.unpack(packed).append_column(
                "file", pa.array(np.full(rows, index))
            )
            for index, rows, packed in parts
        )
        widths = image_widths(items)
        odd = (widths > 0) & (widths != _usual_width(self._work))
        self._put_aside(shard, items.filter(pa.array(odd)))
        items = items.filter(pa.array(~odd))
        items = items.sort_by(
            [
                ("item_id", "ascending"),
                ("file", "ascending"),
                ("row", "ascending"),
            ]
        )
        ids = items["item_id"].to_numpy()
        last = np.append(ids[1:] != ids[:-1], True)[: len(ids)]
        kept = items.filter(pa.array(last)).drop(["file", "row"])
        tables.write_examples(
            f"{self._catalogue}/Split-all/data_tfrecord-"
            f"{shard:05d}-of-{self._num_shards:05d}.gz",
            (
                tables.list_columns(batch)
                for batch in kept.to_batches(BATCH_ROWS)
            ),
        )
        _write_counts(
            f"{self._work}/shard-{shard:05d}.json",
            {
                "kept": kept.num_rows,
                "deduplicated": items.num_rows - kept.num_rows,
                "quarantined_by_reason": {OTHER_WIDTH: int(odd.sum())},
            },
        )

    def _put_aside(self, shard, items):
        """Leaves dead letters of items by the file that they come from."""
        files = items["file"].to_numpy()
        letters = [
            dead_letters(
                self._sources[file],
                part["row"].to_numpy(),
                np.full(len(part), OTHER_WIDTH, object),
                shown(part).drop(["file", "row"]),
            )
            for file in np.unique(files)
            for part in [items.filter(pa.array(files == file))]
        ]
        if letters:
            tables.write_parquet(
                f"{self._work}/letters-of-shard-{shard:05d}.parquet",
                SCHEMA,
                letters,
            )


def _by_shard(index, kept, num_shards):
    if not kept.num_rows:
        return
    hashed = hashing.hash_text(kept["item_id"].combine_chunks())
    shards = (hashed % np.uint64(num_shards)).astype(np.int64)
    for shard in np.unique(shards):
        part = kept.filter(pa.array(shards == shard))
        yield int(shard), (index, part.num_rows, tables.pack(part))


def _write_counts(path, counts):
    tables.write_bytes(path, json.dumps(counts).encode("utf-8"))


def _read_counts(pattern):
    return [
        json.loads(tables.read_bytes(path))
        for path in sorted(tf.io.gfile.glob(pattern))
    ]


def _usual_width(work):
    """Returns the width of most images of all files, 0 where there is none.

    Grouping by shard waits for all files, so their counts are there.
    """
    counts: Counter[int] = Counter()
    for part in _read_counts(f"{work}/clean-*.json"):
        counts.update({int(w): n for w, n in part["image_widths"].items()})
    del counts[0]
    return max(counts, key=lambda width: (counts[width], width), default=0)


def run_catalogue(
    paths: CataloguePaths,
    settings: CatalogueSettings,
    make_pipeline: Callable[[], beam.Pipeline],
) -> dict:
    """Cleans the items table and counts what was done.

    The last row of an id is the one in the last file (by name) and, there, at
    the last place. An item whose image has another width than most is put
    aside.

    Args:
      paths: Where to read and write.
      settings: The rules.
      make_pipeline: Makes an empty Beam pipeline.

    Returns:
      What `report.json` holds: under `items` the counts `in`, `kept`,
      `deduplicated` and `quarantined`, and `quarantined_by_reason`.

    Raises:
      DataError: There are no items, or none is good; the report is written.
    """
    files = tables.ingested_files(paths.items)
    work = f"{paths.report}/work"
    tf.io.gfile.makedirs(work)
    with make_pipeline() as pipeline:
        (
            pipeline
            | "Files" >> beam.Create(list(enumerate(files)), reshuffle=True)
            | "Clean" >> beam.ParDo(CleanFile(work, settings))
            | "Group" >> beam.GroupByKey()
            | "Write"
            >> beam.ParDo(
                WriteShard(
                    work,
                    paths.catalogue,
                    settings.num_shards,
                    [tables.source_of("items", path) for path in files],
                )
            )
        )
    cleaned = _read_counts(f"{work}/clean-*.json")
    shards = _read_counts(f"{work}/shard-*.json")
    by_reason: Counter[str] = Counter()
    for part in (*cleaned, *shards):
        by_reason.update(part["quarantined_by_reason"])
    # Zeros too were counted.
    by_reason = +by_reason
    counts = {
        "in": sum(part["in"] for part in cleaned),
        "kept": sum(part["kept"] for part in shards),
        "deduplicated": sum(part["deduplicated"] for part in shards),
        "quarantined": by_reason.total(),
    }
    examples = merge_parts(
        paths.report, sorted(tf.io.gfile.glob(f"{work}/letters-*.parquet"))
    )
    tf.io.gfile.rmtree(work)
    report = {"items": counts, "quarantined_by_reason": dict(by_reason)}
    write_report(paths.report, report)
    if not counts["in"]:
        raise DataError("the items table has no rows; at least one is needed")
    if not counts["kept"]:
        raise DataError(explain("items", counts["in"], by_reason, examples))
    return report
