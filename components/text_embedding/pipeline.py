"""The Beam pipeline of the `TextEmbedding` node.

Rows go in tables to the shard of their text, so that each distinct text of a
role is looked up in the cache or encoded once, by length.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import DirectOptions
from apache_beam.utils import shared

from components.text_embedding import cache, parts
from components.text_embedding.encoding import (
    OUTPUTS,
    EncodeShard,
    Part,
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
from models.text.encoder_pair import check_space
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
      DataError: An input is missing, an id is not UTF-8, or the vectors of
        items and queries would not be in one space.
      MissingDependencyError: The encoder cannot be had.
    """
    queries_path = os.path.join(paths.queries, "queries.parquet")
    if not FileSystems.exists(queries_path):
        raise DataError(f"{queries_path} is missing")
    by_role = {role: settings.for_role(role) for role in OUTPUTS}
    if settings.query_encoder:
        check_space(_paths(by_role["item"]), _paths(by_role["query"]))
    direct = pipeline.options.view_as(DirectOptions)
    threads = threads_a_worker(
        direct.direct_running_mode, direct.direct_num_workers
    )
    # Roles that have one encoder share what is loaded.
    described = {own: _describe(own) for own in dict.fromkeys(by_role.values())}
    workers = {own: _worker(own, described[own], threads) for own in described}
    handles = {own: shared.Shared() for own in described}
    about = described[by_role["item"]]
    if settings.query_encoder:
        about = {**about, "query": described[by_role["query"]]}
    if not FileSystems.exists(paths.text_vectors):
        FileSystems.mkdirs(paths.text_vectors)
    try:
        with pipeline as p:
            items = (
                p
                | "ReadCatalogue"
                >> beam.io.ReadFromTFRecord(
                    os.path.join(paths.catalogue, "Split-all", "*")
                )
                | "BatchItems" >> beam.BatchElements(64, _ROWS_A_TABLE)
                | "ParseItems" >> beam.Map(parse_items)
            )
            queries = (
                p
                | "ReadQueries"
                >> beam.io.ReadFromParquetBatched(
                    queries_path, columns=["query"]
                )
                | "ParseQueries" >> beam.Map(parse_queries)
            )
            made = [
                texts
                | f"Shard_{role}" >> beam.FlatMap(by_shard, settings.shards)
                | f"GroupByShard_{role}" >> beam.GroupByKey()
                | f"Encode_{role}"
                >> beam.ParDo(
                    EncodeShard(
                        role,
                        workers[by_role[role]],
                        handles[by_role[role]],
                        paths.text_vectors,
                    )
                )
                for role, texts in (("item", items), ("query", queries))
            ]
            _ = (
                p
                | "Once" >> beam.Create([paths.text_vectors])
                | "WriteOutputs"
                >> beam.Map(
                    _write_outputs,
                    beam.pvalue.AsList(made | "Parts" >> beam.Flatten()),
                    by_role["item"],
                    about,
                )
            )
    finally:
        parts.clear(paths.text_vectors)


def _worker(settings: TextSettings, description: dict, threads: int) -> Worker:
    """Says how one encoder is run, and makes its cache."""
    cache_dir = ""
    if settings.cache_dir:
        cache_dir = FileSystems.join(
            settings.cache_dir, _cache_name(description)
        )
        cache.prepare(cache_dir)
    return Worker(
        settings=settings,
        cache_dir=cache_dir,
        dimension=description["dimension"],
        threads=threads,
    )


def _paths(settings: TextSettings) -> EncoderPaths:
    return resolve(settings.preprocess, settings.encoder)


def _describe(settings: TextSettings) -> dict:
    """Says which vectors the encoder gives, without loading it."""
    encoder = _paths(settings)
    own = Description.read(encoder.encoder)
    return {
        "dimension": own.dimension,
        "preprocess": settings.preprocess,
        "encoder": settings.encoder,
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


def _write_outputs(
    folder: str, made: Sequence[Part], items: TextSettings, about: dict
) -> None:
    """Makes the two files of vectors, and says behind them what they are."""
    for role, (name, column) in OUTPUTS.items():
        rows = [part.path for part in made if part.role == role and part.path]
        parts.join(rows, folder, name, output_schema(column))
    dimension = max((part.dimension for part in made), default=0)
    if not (dimension := about["dimension"] or dimension):
        # No text at all, and a folder that does not say: ask the encoder.
        from models.text.hub import TextEncoder

        dimension = TextEncoder.from_settings(items).dimension
    content = {
        **about,
        "dimension": dimension,
        "encoded": sum(part.encoded for part in made),
        "from_cache": sum(part.from_cache for part in made),
    }
    with FileSystems.create(os.path.join(folder, "encoder.json")) as file:
        file.write(
            json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"
        )
