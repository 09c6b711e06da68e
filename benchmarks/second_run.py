"""What the encoding node costs when nearly all texts are in its cache."""

import dataclasses
import pathlib
import tempfile
import time

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from components.text_embedding.pipeline import (
    TextEmbeddingPaths,
    run_text_embedding,
)
from models.text.settings import TextSettings

NEW_SHARE = 0.01


def bench(texts: list[str], settings: TextSettings) -> dict:
    """Runs the node's Beam function twice, the second time with 1 % more.

    Both runs happen in this process; starting Python and importing TensorFlow
    and Beam is in neither of them, all that the node does is.

    Args:
      texts: Distinct; the last hundredth is held back for the second run.
      settings: Which encoder; its cache is replaced by an empty one.

    Returns:
      Seconds of both runs, by wall and by processor time, and the second's
      share of the first.
    """
    known = len(texts) - max(1, round(len(texts) * NEW_SHARE))
    runs = []
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        settings = dataclasses.replace(settings, cache_dir=str(root / "cache"))
        for number, part in enumerate((texts[:known], texts)):
            paths = _inputs(root / str(number), part)
            began, cpu = time.perf_counter(), time.process_time()
            run_text_embedding(paths, settings, beam.Pipeline())
            runs.append(
                {
                    "texts": len(part),
                    "seconds": round(time.perf_counter() - began, 2),
                    "cpu_seconds": round(time.process_time() - cpu, 2),
                }
            )
    first, second = runs
    return {
        "first": first,
        "second": second,
        "share_by_wall_time": round(second["seconds"] / first["seconds"], 4),
        "share_by_cpu_time": round(
            second["cpu_seconds"] / first["cpu_seconds"], 4
        ),
    }


def _inputs(folder: pathlib.Path, queries: list[str]) -> TextEmbeddingPaths:
    """Writes an empty catalogue and the queries."""
    (folder / "catalogue" / "Split-all").mkdir(parents=True)
    (folder / "queries").mkdir()
    examples = folder / "catalogue" / "Split-all" / "data-00000.gz"
    tf.io.TFRecordWriter(str(examples), options="GZIP").close()
    table = pa.table({"query": queries, "count": [1] * len(queries)})
    pq.write_table(table, folder / "queries" / "queries.parquet")
    return TextEmbeddingPaths(
        catalogue=str(folder / "catalogue"),
        queries=str(folder / "queries"),
        text_vectors=str(folder / "vectors"),
    )
