"""The Beam pipeline of the `TextEmbedding` node.

Texts are grouped so that each distinct one of a role occurs once, looked up
in the cache, and what is left is encoded in shards sorted by length.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.utils import shared

from components.text_embedding import cache
from components.text_embedding.encoding import (
    READY,
    EncodedGroup,
    EncodeShard,
    LookUp,
    Text,
    Worker,
    threads_a_worker,
)
from models.text import characters
from models.text.resolve import Description, EncoderPaths, resolve
from models.text.settings import TextSettings
from schema.errors import DataError

# Output file and id column, by role.
OUTPUTS = {
    "item": ("items.parquet", "item_id"),
    "query": ("queries.parquet", "query"),
}


@dataclasses.dataclass(frozen=True)
class TextEmbeddingPaths:
    """Where the node reads and writes.

    Attributes:
      catalogue: Examples of the catalogue, with the folder `Split-all`.
      queries: Folder of `queries.parquet`.
      text_vectors: Folder that is written.
    """

    catalogue: str
    queries: str
    text_vectors: str


def run_text_embedding(
    paths: TextEmbeddingPaths,
    settings: TextSettings,
    pipeline: beam.Pipeline,
) -> None:
    """Encodes the texts of all items and queries and runs the pipeline.

    Args:
      paths: What to read and where to write.
      settings: Which encoder, and how.
      pipeline: Empty; it is run here.

    Raises:
      DataError: An input is missing, or an id is not UTF-8.
      MissingDependencyError: The encoder cannot be had.
    """
    queries_path = os.path.join(paths.queries, "queries.parquet")
    if not FileSystems.exists(queries_path):
        raise DataError(f"{queries_path} is missing")
    encoder = resolve(settings.preprocess, settings.encoder)
    description = _describe(encoder, settings)
    cache_dir = ""
    cached_files: list[str] = []
    if settings.cache_dir:
        cache_dir = FileSystems.join(
            settings.cache_dir, _cache_name(description)
        )
        cache.prepare(cache_dir)
        cached_files = cache.list_files(cache_dir)
    direct = pipeline.options.view_as(DirectOptions)
    worker = Worker(
        settings=settings,
        cache_dir=cache_dir,
        threads=threads_a_worker(
            direct.direct_running_mode, direct.direct_num_workers
        ),
    )
    if not FileSystems.exists(paths.text_vectors):
        FileSystems.mkdirs(paths.text_vectors)
    with pipeline as p:
        items = (
            p
            | "ReadCatalogue"
            >> beam.io.ReadFromTFRecord(
                os.path.join(paths.catalogue, "Split-all", "*")
            )
            | "ParseItems" >> beam.Map(parse_item)
        )
        queries = (
            p
            | "ReadQueries"
            >> beam.io.ReadFromParquetBatched(queries_path, columns=["query"])
            | "ParseQueries" >> beam.FlatMap(parse_queries)
        )
        cached = (
            p
            | "CacheFiles" >> beam.Create(cached_files, reshuffle=True)
            | "ReadCache"
            >> beam.FlatMap(cache.read_file, description["dimension"])
        )
        texts = (
            (items, queries)
            | "Texts" >> beam.Flatten()
            | "LeaveOutEmpty" >> beam.Filter(_has_text)
            | "KeyByText" >> beam.WithKeys(_key)
        )
        known = (
            {"texts": texts, "cached": cached}
            | "GroupByText" >> beam.CoGroupByKey()
            | "LookUp"
            >> beam.ParDo(LookUp()).with_outputs(READY, main="missing")
        )
        encoded = (
            known.missing
            | "Shard" >> beam.WithKeys(_shard, settings.shards)
            | "GroupByShard" >> beam.GroupByKey()
            | "Encode" >> beam.ParDo(EncodeShard(worker, shared.Shared()))
        )
        groups = (known[READY], encoded) | "Vectors" >> beam.Flatten()
        for role, (name, column) in OUTPUTS.items():
            schema = _schema(column)
            _ = (
                groups
                | f"Rows_{role}" >> beam.FlatMap(_rows, role)
                | f"Batch_{role}" >> beam.BatchElements(64, 4096)
                | f"Table_{role}" >> beam.Map(_table, schema)
                | f"Write_{role}"
                >> beam.io.WriteToParquetBatched(
                    os.path.join(
                        paths.text_vectors, name.removesuffix(".parquet")
                    ),
                    schema,
                    file_name_suffix=".parquet",
                    num_shards=1,
                    shard_name_template="",
                )
            )
        _ = (
            p
            | "Once"
            >> beam.Create([os.path.join(paths.text_vectors, "encoder.json")])
            | "WriteEncoder"
            >> beam.Map(
                _write_encoder,
                settings,
                description,
                encoded=_count(encoded, "CountEncoded"),
                from_cache=_count(known[READY], "CountCached"),
                dimension=beam.pvalue.AsSingleton(
                    groups
                    | "Lengths"
                    >> beam.Map(lambda group: len(group.vector) // 4)
                    | "Dimension" >> beam.CombineGlobally(_largest)
                ),
            )
        )


def parse_item(record: bytes) -> Text:
    """Reads one catalogue example.

    Raises:
      DataError: It has no `item_id` or `text`, or its id is not UTF-8.
    """
    features = tf.train.Example.FromString(record).features.feature
    values = {}
    for name in ("item_id", "text"):
        found = features[name].bytes_list.value
        if len(found) != 1:
            raise DataError(
                f"catalogue: an example has {len(found)} values of {name}; "
                "allowed: one"
            )
        values[name] = found[0]
    return Text(
        "item", values["text"], _decode(values["item_id"], "catalogue item_id")
    )


def parse_queries(batch: pa.Table) -> Iterator[Text]:
    """Reads a batch of `queries.parquet`.

    Raises:
      DataError: A query is not UTF-8.
    """
    for query in batch["query"].cast(pa.binary()).to_pylist():
        if query is not None:
            yield Text("query", query, _decode(query, "queries.parquet query"))


def _decode(value: bytes, what: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{what} is {value!r}; allowed: UTF-8") from error


def _has_text(text: Text) -> bool:
    return bool(text.text.decode("utf-8", "ignore").strip())


def _key(text: Text) -> bytes:
    return cache.text_key(text.role, text.text)


def _shard(group, shards: int) -> int:
    return int.from_bytes(group.key[:4]) % shards


def _largest(lengths: Iterable[int]) -> int:
    return max(lengths, default=0)


def _rows(group: EncodedGroup, role: str) -> Iterator[tuple[str, bytes]]:
    # The zero vector says that nothing was left of a text when cleaned.
    if group.role == role and any(group.vector):
        for row_id in group.row_ids:
            yield row_id, group.vector


def _schema(column: str) -> pa.Schema:
    return pa.schema(
        [(column, pa.string()), ("vector", pa.list_(pa.float32()))]
    )


def _table(rows: list[tuple[str, bytes]], schema: pa.Schema) -> pa.Table:
    vectors = np.stack([np.frombuffer(row[1], np.float32) for row in rows])
    return pa.table(
        [pa.array([row[0] for row in rows]), cache.vector_column(vectors)],
        schema=schema,
    )


def _count(groups, label: str):
    return beam.pvalue.AsSingleton(
        groups | label >> beam.combiners.Count.Globally()
    )


def _describe(encoder: EncoderPaths, settings: TextSettings) -> dict:
    """Says which vectors the encoder gives, without loading it."""
    own = Description.read(encoder.encoder)
    return {
        "dimension": own.dimension,
        "preprocess_path": str(encoder.preprocess),
        "encoder_path": str(encoder.encoder),
        "digest": encoder.digest(),
        "characters": characters.digest(),
        "seq_length": settings.seq_length or own.seq_length,
        "pooling": settings.pooling or own.pooling,
    }


def _cache_name(description: dict) -> str:
    names = ("digest", "characters", "seq_length", "pooling")
    parts = [description[name] for name in names]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _write_encoder(
    path: str,
    settings: TextSettings,
    description: dict,
    *,
    encoded: int,
    from_cache: int,
    dimension: int,
) -> None:
    if not description["dimension"] and not dimension:
        # No text at all, and a folder that does not say: ask the encoder.
        from models.text.hub import TextEncoder

        dimension = TextEncoder.from_settings(settings).dimension
    content = {
        **description,
        "dimension": description["dimension"] or dimension,
        "preprocess": settings.preprocess,
        "encoder": settings.encoder,
        "encoded": encoded,
        "from_cache": from_cache,
    }
    with FileSystems.create(path) as file:
        file.write(
            json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
        )
