"""The Beam pipeline of the `TextEmbedding` node.

Rows go in tables to the shard of their text, so that each distinct text of a
role is looked up in the cache or encoded once, by length.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.utils import shared

from components.text_embedding import cache
from components.text_embedding.encoding import (
    COUNTS,
    OUTPUTS,
    Counts,
    EncodeShard,
    Worker,
    threads_a_worker,
)
from components.text_embedding.rows import (
    by_shard,
    output_schema,
    parse_items,
    parse_queries,
)
from models.text import characters
from models.text.resolve import Description, EncoderPaths, resolve
from models.text.settings import TextSettings
from schema.errors import DataError

# Catalogue examples that are read into one table.
_ROWS_A_TABLE = 4096


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
    if settings.cache_dir:
        cache_dir = FileSystems.join(
            settings.cache_dir, _cache_name(description)
        )
        cache.prepare(cache_dir)
    direct = pipeline.options.view_as(DirectOptions)
    worker = Worker(
        settings=settings,
        cache_dir=cache_dir,
        dimension=description["dimension"],
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
            | "BatchItems" >> beam.BatchElements(64, _ROWS_A_TABLE)
            | "ParseItems" >> beam.Map(parse_items)
            | "ShardItems" >> beam.FlatMap(by_shard, "item", settings.shards)
        )
        queries = (
            p
            | "ReadQueries"
            >> beam.io.ReadFromParquetBatched(queries_path, columns=["query"])
            | "ParseQueries" >> beam.Map(parse_queries)
            | "ShardQueries" >> beam.FlatMap(by_shard, "query", settings.shards)
        )
        encoded = (
            (items, queries)
            | "Texts" >> beam.Flatten()
            | "GroupByShard" >> beam.GroupByKey()
            | "Encode"
            >> beam.ParDo(EncodeShard(worker, shared.Shared())).with_outputs(
                *OUTPUTS, COUNTS
            )
        )
        for role, (name, column) in OUTPUTS.items():
            _ = encoded[role] | f"Write_{role}" >> (
                beam.io.WriteToParquetBatched(
                    os.path.join(
                        paths.text_vectors, name.removesuffix(".parquet")
                    ),
                    output_schema(column),
                    file_name_suffix=".parquet",
                    num_shards=1,
                    shard_name_template="",
                )
            )
        _ = (
            encoded[COUNTS]
            | "Sum" >> beam.CombineGlobally(_sum)
            | "WriteEncoder"
            >> beam.Map(
                _write_encoder,
                os.path.join(paths.text_vectors, "encoder.json"),
                settings,
                description,
            )
        )


def _sum(counts: Iterable[Counts]) -> Counts:
    total = Counts(0, 0, 0)
    for count in counts:
        total = Counts(
            encoded=total.encoded + count.encoded,
            from_cache=total.from_cache + count.from_cache,
            dimension=max(total.dimension, count.dimension),
        )
    return total


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
    parts = [cache.LAYOUT, *(description[name] for name in names)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _write_encoder(
    counts: Counts,
    path: str,
    settings: TextSettings,
    description: dict,
) -> None:
    dimension = description["dimension"] or counts.dimension
    if not dimension:
        # No text at all, and a folder that does not say: ask the encoder.
        from models.text.hub import TextEncoder

        dimension = TextEncoder.from_settings(settings).dimension
    content = {
        **description,
        "dimension": dimension,
        "preprocess": settings.preprocess,
        "encoder": settings.encoder,
        "encoded": counts.encoded,
        "from_cache": counts.from_cache,
    }
    with FileSystems.create(path) as file:
        file.write(
            json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
        )
