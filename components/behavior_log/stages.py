"""The Beam stages of the `BehaviorLog` node.

Each leaves files named by what it worked on in the work folder, so that a
stage that is run twice writes the same again, and counts as JSON.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_log import histories, ranking, sequences
from components.behavior_log.bounded import gather_events
from components.behavior_log.cleaning import Clean, clean_events, clean_users
from components.behavior_log.events import Events
from components.behavior_log.examples import ExampleWriter
from components.behavior_log.funnel import parse_heads
from components.behavior_log.preparation import (
    join_profiles,
    last_rows,
    prepare,
)
from components.behavior_log.rows import Rows
from components.behavior_log.settings import BehaviorLogSettings
from components.behavior_log.steps import Steps
from components.catalogue import columns, tables
from components.catalogue.dead_letters import SCHEMA
from models import hashing

# Rows decoded at once, and rows cut into shards at once.
BATCH_ROWS = 4096
CHUNK_ROWS = 65_536
SPLITS = ("train", "eval", "sequence_train", "sequence_eval")


@dataclasses.dataclass(frozen=True)
class Work:
    """Files between stages.

    Attributes:
      folder: Where they lie.
    """

    folder: str

    @property
    def items(self) -> str:
        """The sorted ids of the catalogue."""
        return f"{self.folder}/items.arrow"

    def file(self, kind: str, index: int, suffix: str) -> str:
        """A file of one input file or shard."""
        return f"{self.folder}/{kind}-{index:05d}.{suffix}"

    def write_counts(self, kind: str, index: int, counts: dict) -> None:
        """Leaves counts for the report."""
        tables.write_bytes(
            self.file(kind, index, "json"),
            json.dumps(counts).encode("utf-8"),
        )


class ReadItemIds(beam.DoFn):
    """Reads one file of the catalogue: path → packed table of ids."""

    def process(self, path: str) -> Iterator[bytes]:
        """Yields the ids of the file."""
        ids = [
            columns.read_text(batch, "item_id").values
            for batch in tables.read_examples(path, BATCH_ROWS)
        ]
        if ids:
            yield tables.pack(pa.table({"item_id": pa.chunked_array(ids)}))


class WriteItemIds(beam.DoFn):
    """Sorts the ids of the whole catalogue into one file."""

    def __init__(self, work: Work):
        self._work = work

    def process(self, element: tuple[None, Iterable[bytes]]) -> None:
        """Writes `Work.items`."""
        ids = pa.concat_tables(map(tables.unpack, element[1]))["item_id"]
        ids = ids.combine_chunks().unique()
        ids = ids.take(pc.sort_indices(ids))
        tables.write_bytes(
            self._work.items, tables.pack(pa.table({"item_id": ids}))
        )


def read_item_ids(work: Work) -> pa.Array:
    """Reads the sorted ids of the catalogue: large_string [items]."""
    table = tables.unpack(tables.read_bytes(work.items))
    return table["item_id"].combine_chunks()


class _CleanFile(beam.DoFn):
    """Reads one file: (index, path) → (shard, packed good rows)."""

    KIND = ""

    def __init__(self, work: Work, settings: BehaviorLogSettings, key: bytes):
        self._work = work
        self._settings = settings
        self._key = key

    def process(self, element: tuple[int, str]) -> Iterator[tuple[int, bytes]]:
        """Yields good rows by shard; leaves dead letters and counts."""
        index, path = element
        source = tables.source_of(self.KIND, path)
        reasons: Counter[str] = Counter()
        seen = 0

        def cleaned():
            nonlocal seen
            for batch in tables.read_examples(path, BATCH_ROWS):
                clean = self._clean(batch, source, seen)
                seen += batch.num_rows
                yield clean

        letters = self._work.file(f"{self.KIND}-letters", index, "parquet")
        bad = []
        held, rows = [], 0
        for clean in cleaned():
            if clean.letters.num_rows:
                reasons.update(clean.letters["reason"].to_pylist())
                bad.append(clean.letters)
            held.append(clean.kept)
            rows += clean.kept.num_rows
            if rows >= CHUNK_ROWS:
                yield from self._by_shard(held, index)
                held, rows = [], 0
        yield from self._by_shard(held, index)
        tables.write_parquet(letters, SCHEMA, bad)
        self._work.write_counts(
            f"{self.KIND}-clean",
            index,
            {"in": seen, "quarantined_by_reason": reasons},
        )

    def _clean(self, batch: pa.RecordBatch, source: str, row: int) -> Clean:
        raise NotImplementedError

    def _by_shard(self, held, index):
        if not held:
            return
        table = pa.concat_tables(held)
        if not table.num_rows:
            return
        table = self._marked(table, index)
        hashed = hashing.hash_text(table["user_id"].combine_chunks())
        shard = (hashed % np.uint64(self._settings.num_shards)).astype(int)
        order = np.argsort(shard, kind="stable")
        table = table.take(pa.array(order))
        present, starts = np.unique(shard[order], return_index=True)
        stops = np.append(starts[1:], len(order))
        for which, start, stop in zip(present, starts, stops, strict=True):
            yield int(which), tables.pack(table.slice(start, stop - start))

    def _marked(self, table: pa.Table, index: int) -> pa.Table:
        del index
        return table


class CleanEvents(_CleanFile):
    """Reads one file of events."""

    KIND = "events"

    def setup(self):
        """Reads the catalogue's ids, once for a worker."""
        self._items = read_item_ids(self._work)

    def _clean(self, batch, source, row):
        return clean_events(
            batch,
            source,
            row,
            items=self._items,
            settings=self._settings,
            key=self._key,
        )


class CleanUsers(_CleanFile):
    """Reads one file of users."""

    KIND = "users"

    def _clean(self, batch, source, row):
        return clean_users(batch, source, row, self._key)

    def _marked(self, table, index):
        return table.append_column(
            "file", pa.array(np.full(table.num_rows, index))
        )


class PrepareShard(beam.DoFn):
    """Leaves a shard's events sorted and clean, and its profiles beside."""

    def __init__(self, work: Work, settings: BehaviorLogSettings):
        self._work = work
        self._settings = settings

    def process(self, element: tuple[int, dict[str, Iterable[bytes]]]) -> None:
        """Writes the shard's tables and counts."""
        shard, parts = element
        users = [tables.unpack(part) for part in parts["users"]]
        profiles = last_rows(pa.concat_tables(users)) if users else None
        counts: dict = {}
        if profiles is not None:
            given = sum(part.num_rows for part in users)
            counts["users_table"] = {
                "kept": profiles.num_rows,
                "deduplicated": given - profiles.num_rows,
            }
        gathered = gather_events(
            map(tables.unpack, parts["events"]),
            self._settings.max_events_per_user,
        )
        if gathered.events is not None:
            prepared = prepare(gathered.events, self._settings)
            counts |= {
                "events": prepared.counts,
                "event_types": prepared.event_types,
                "over_user_limit": gathered.left_out,
            }
            self._work.write_counts(
                "positives", shard, prepared.positives.to_json()
            )
            if prepared.counts["kept"]:
                self._write("shard", shard, prepared.events)
                if profiles is not None:
                    self._write("profiles", shard, profiles)
        self._work.write_counts("prepared", shard, counts)

    def _write(self, kind, shard, table):
        tables.write_bytes(
            self._work.file(kind, shard, "arrow"), tables.pack(table)
        )


class MakeExamples(beam.DoFn):
    """Writes the examples of one shard, and its histories and queries.

    Args:
      work: Files between stages.
      examples: The Examples artifact.
      settings: Of the node.
      split: Unix seconds from which on events evaluate.
      has_impressions: Whether the log, not just this shard, has any.
    """

    def __init__(
        self,
        work: Work,
        examples: str,
        settings: BehaviorLogSettings,
        split: int,
        has_impressions: bool,
    ):
        self._work = work
        self._examples = examples
        self._settings = settings
        self._split = split
        self._has_impressions = has_impressions

    def setup(self):
        """Reads the catalogue's ids, once for a worker."""
        self._items = read_item_ids(self._work)

    def process(self, element: tuple[int, bool]) -> None:
        """Takes a shard's number and whether it has profiles."""
        shard, has_profiles = element
        events = Events.from_table(self._read("shard", shard))
        profiles = join_profiles(
            events.users,
            self._read("profiles", shard) if has_profiles else None,
        )
        steps = Steps.of(events)
        heads = parse_heads(self._settings.heads)
        writer = ExampleWriter(steps, profiles, self._items, heads)
        rows, left_out = self._rows(steps)
        counts: dict = {"examples": {}, "label_counts": {}, **left_out}
        for split, of_split in rows.items():
            counts["examples"][split] = self._write(
                writer, of_split, split, shard
            )
        for column, head in enumerate(heads):
            counts["label_counts"][head.name] = {
                split: int(rows[split].labels[:, column].sum())
                for split in ("train", "eval")
            }
        tables.write_parquet(
            self._work.file("histories", shard, "parquet"),
            histories.HISTORIES,
            [
                histories.user_histories(
                    steps, profiles, self._items, self._settings.max_history
                )
            ],
        )
        tables.write_parquet(
            self._work.file("queries", shard, "parquet"),
            histories.QUERIES,
            [histories.query_counts(events.query)],
        )
        self._work.write_counts("examples", shard, counts)

    def _rows(self, steps):
        settings, split = self._settings, self._split
        ranked = (
            ranking.from_impressions(steps, settings, split)
            if self._has_impressions
            else ranking.from_positives(
                steps, settings, split, len(self._items)
            )
        )
        late = ranked.timestamp >= split
        sides = {"train": np.flatnonzero(~late), "eval": np.flatnonzero(late)}
        rows = {
            name: self._capped(steps, ranked, sides[name]) for name in sides
        }
        trained = sequences.train_sequences(steps, settings, split)
        rows["sequence_train"] = trained.rows
        rows["sequence_eval"] = sequences.eval_sequences(steps, settings, split)
        left_out = {
            "sequence_train_short_users": trained.short_users,
            "ranking_examples_over_cap": len(ranked)
            - len(rows["train"])
            - len(rows["eval"]),
        }
        return rows, left_out

    def _capped(self, steps, ranked, which) -> Rows:
        rows = ranked.take(which)
        return ranking.cap_users(
            rows,
            steps.events.user[rows.event],
            steps.events.user_hash,
            self._settings.max_ranking_examples_per_user,
            self._settings.seed,
        )

    def _write(self, writer, rows, split, shard):
        if not len(rows):
            return 0
        # Users would lie side by side, and trainers shuffle only so far.
        order = np.argsort(
            hashing.mix(self._settings.seed, np.arange(len(rows))),
            kind="stable",
        )
        shards = self._settings.num_shards
        return tables.write_examples(
            f"{self._examples}/Split-{split}/data_tfrecord-"
            f"{shard:05d}-of-{shards:05d}.gz",
            writer.batches(rows.take(order)),
        )

    def _read(self, kind, shard):
        return tables.unpack(
            tables.read_bytes(self._work.file(kind, shard, "arrow"))
        )
