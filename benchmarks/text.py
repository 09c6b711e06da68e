"""Speed of text encoding: `daogou bench text` and `text-rerun` run it."""

import csv
import dataclasses
import io
import os
import pathlib
import platform
import zipfile
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from benchmarks import encoding_speed, second_run
from benchmarks.encoding_speed import Corpus
from models.text.hub import TextEncoder
from models.text.settings import E5_SMALL_ZH, TextSettings
from schema.errors import DataError

QUERIES = "multi_cpr/queries.tsv"
REVIEWS = "online_shopping_10_cats/online_shopping_10_cats.zip"
# Columns of the reviews' CSV that may hold the text, first found first taken.
TEXT_COLUMNS = ("review", "text", "content", "comment")
_SEED = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      queries: TSV of id and text; None leaves queries out.
      texts: CSV with a column of `TEXT_COLUMNS`, or a zip that holds one;
        None leaves long texts out.
      sample: Distinct texts of each file that are encoded, drawn at random.
      seconds: For each file's rounds.
      rounds: At least 3.
    """

    queries: pathlib.Path | None = None
    texts: pathlib.Path | None = None
    sample: int = 4000
    seconds: float = 120.0
    rounds: int = 7


def bench(options: Options) -> dict:
    """Measures all that the options name.

    Args:
      options: What to measure.

    Raises:
      DataError: A file has no texts, or not the columns it needs.
      MissingDependencyError: The encoder is not built, or the peer's
        environment cannot be made.
    """
    settings = TextSettings(preprocess=E5_SMALL_ZH, encoder=E5_SMALL_ZH)
    encoder = TextEncoder.from_settings(settings)
    result: dict = {"machine": machine(), "corpora": {}}
    for name, role, path, read in (
        ("queries", "query", options.queries, read_queries),
        ("long_texts", "item", options.texts, read_texts),
    ):
        if path is None:
            continue
        sample = draw(sorted(set(read(path))), options.sample)
        result["corpora"][name] = encoding_speed.bench(
            Corpus(name=name, role=role, texts=sample),
            encoder,
            seconds=options.seconds,
            rounds=options.rounds,
        )
    result["load_average"] = [round(load, 1) for load in os.getloadavg()]
    return result


def bench_second_run(queries: pathlib.Path, count: int) -> dict:
    """Runs the encoding node twice; see `benchmarks.second_run`.

    Args:
      queries: As in `Options`.
      count: Distinct queries of the second run.
    """
    settings = TextSettings(preprocess=E5_SMALL_ZH, encoder=E5_SMALL_ZH)
    texts = draw(sorted(set(read_queries(queries))), count)
    return {
        "machine": machine(),
        **second_run.bench(texts, settings),
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def machine() -> dict:
    """Says on what was measured."""
    model = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "tensorflow": tf.__version__,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
    }


def draw(texts: list[str], count: int) -> list[str]:
    """Draws texts without putting back, the same ones each time."""
    if count >= len(texts):
        return list(texts)
    rows = np.random.default_rng(_SEED).choice(len(texts), count, replace=False)
    return [texts[row] for row in rows]


def read_queries(path: pathlib.Path) -> Iterator[str]:
    """Reads the second column of a TSV file without a header.

    Raises:
      DataError: A line has no second column.
    """
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            _, tab, text = line.rstrip("\r\n").partition("\t")
            if not tab:
                raise DataError(
                    f"{path} line {number} is {line.strip()[:50]!r}; allowed: "
                    "an id, a tab and a text"
                )
            if text.strip():
                yield text.strip()


def read_texts(path: pathlib.Path) -> Iterator[str]:
    """Reads the text column of a CSV file, or of the one in a zip.

    Raises:
      DataError: There is no CSV file, or none of `TEXT_COLUMNS` in it.
    """
    if not zipfile.is_zipfile(path):
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _text_column(file, str(path))
        return
    with zipfile.ZipFile(path) as archive:
        found = [n for n in archive.namelist() if n.lower().endswith(".csv")]
        if len(found) != 1:
            raise DataError(f"{path} holds {found}; allowed: one CSV file")
        with archive.open(found[0]) as raw:
            yield from _text_column(
                io.TextIOWrapper(raw, "utf-8-sig", newline=""),
                f"{path}:{found[0]}",
            )


def _text_column(file: io.TextIOBase, name: str) -> Iterator[str]:
    rows = csv.DictReader(file)
    columns = [c for c in TEXT_COLUMNS if c in (rows.fieldnames or ())]
    if not columns:
        raise DataError(
            f"{name} has the columns {rows.fieldnames}; allowed: one of "
            f"{TEXT_COLUMNS}"
        )
    for row in rows:
        if text := (row[columns[0]] or "").strip():
            yield text
