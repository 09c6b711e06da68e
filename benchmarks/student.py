"""A student beside its teacher: speed of one query, neighbours, accuracy."""

import dataclasses
import functools
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from benchmarks.text import draw, machine, read_queries
from models.text.batching import pack
from models.text.distillation.teacher import TeacherVectors
from models.text.distillation.texts import is_held_out, read_texts
from models.text.distillation.training import NEIGHBOURS, recall_of_neighbours
from models.text.hub import TextEncoder
from schema.errors import DataError
from serving.model_server.servable import Servable

_BATCH_TOKENS = 4096
# Queries that an encoder has at a time while others wait.
_TURN = 20
_SIGNATURE = "encode"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      students: Folders with `preprocess` and `encoder`, one a way of storing
        the same student; the first is what the others are compared with.
      teacher: As `TextEncoder.load` takes an encoder.
      queries: TSV of id and text. Those that `is_held_out` are asked, others
        are the documents.
      titles: A file of item texts as `read_texts` takes it; None leaves
        searching items out.
      title_queries: Queries for them, as `read_texts` takes it.
      reviews: CSV of `cat`, `label`, `review`; None leaves accuracy out.
      documents: Most documents.
      train_reviews: Reviews that the classifiers learn from; those that
        `is_held_out` are what they are measured on.
      timed: Queries that are timed.
      work_dir: Keeps the teacher's vectors.
    """

    students: tuple[pathlib.Path, ...]
    teacher: str
    queries: pathlib.Path
    titles: str | None
    title_queries: str | None
    reviews: pathlib.Path | None
    documents: int
    train_reviews: int
    timed: int
    work_dir: pathlib.Path


def bench(options: Options) -> dict:
    """Measures all that the options name, on one core.

    Raises:
      DataError: A file has no texts, or not the columns it needs.
      MissingDependencyError: An encoder is not there.
    """
    _use_one_core()
    teacher = TextEncoder.load(options.teacher, options.teacher)
    students = {
        folder.name: TextEncoder.load(str(folder), str(folder))
        for folder in map(pathlib.Path.absolute, options.students)
    }
    queries = sorted(set(read_queries(options.queries)))
    asked = [query for query in queries if is_held_out(query)]
    others = [query for query in queries if not is_held_out(query)]
    as_query = TeacherVectors(options.work_dir, teacher, "query")
    result: dict = {
        "machine": machine(),
        "students": {
            name: {"megabytes": _megabytes(encoder)}
            for name, encoder in students.items()
        },
        "one_query": _latency(
            {"teacher": teacher, **students}, draw(asked, options.timed)
        ),
        "queries_among_queries": _neighbours(
            students,
            as_query,
            as_query,
            asked,
            draw(others, options.documents),
        ),
    }
    if options.titles and options.title_queries:
        result["queries_among_items"] = _neighbours(
            students,
            as_query,
            TeacherVectors(options.work_dir, teacher, "item"),
            [q for q in read_texts([options.title_queries]) if is_held_out(q)],
            draw(sorted(read_texts([options.titles])), options.documents),
        )
    if options.reviews:
        result["reviews"] = _accuracy(
            {"teacher": as_query, **_vectors_of(students)},
            options.reviews,
            options.train_reviews,
        )
    result["load_average"] = [round(load, 1) for load in os.getloadavg()]
    return result


def _use_one_core() -> None:
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise DataError(
            "TensorFlow runs already in this process with threads of its own; "
            "measure in a new one"
        ) from error


def _megabytes(encoder: TextEncoder) -> float:
    files = (
        path
        for root in (encoder.paths.preprocess, encoder.paths.encoder)
        for path in root.rglob("*")
        if path.is_file()
    )
    return round(sum(path.stat().st_size for path in files) / 1e6, 2)


def _latency(encoders: dict[str, TextEncoder], queries: Sequence[str]) -> dict:
    """Times one query at a time, as a server's session runs it.

    The encoders take turns of some queries, each after one that is not
    counted: a server runs one encoder for query after query, and not the
    teacher, whose weights would push the student's out of the processor's
    cache, between any two. Processor time is what one core needs; wall time
    also holds what other work on the machine took from it.
    """
    wall: dict[str, list[float]] = {name: [] for name in encoders}
    processor: dict[str, list[float]] = {name: [] for name in encoders}
    with tempfile.TemporaryDirectory() as folder:
        served = {
            name: _as_served(encoder, pathlib.Path(folder) / name)
            for name, encoder in encoders.items()
        }
        for start in range(0, len(queries), _TURN):
            turn = [[text] for text in queries[start : start + _TURN]]
            for name, servable in served.items():
                for text in turn if start == 0 else turn[-1:]:
                    servable.answer(_SIGNATURE, {"text": text})
                for text in turn:
                    began, before = time.perf_counter(), time.process_time()
                    servable.answer(_SIGNATURE, {"text": text})
                    processor[name].append(time.process_time() - before)
                    wall[name].append(time.perf_counter() - began)
        for servable in served.values():
            servable.close()
    teacher = np.array(processor["teacher"])
    return {
        "queries": len(queries),
        **{
            name: {
                "processor_ms": _milliseconds(np.array(processor[name])),
                "wall_ms": _milliseconds(np.array(wall[name])),
                "times_the_teachers_speed": round(
                    float(np.median(teacher / np.array(processor[name]))), 2
                ),
            }
            for name in encoders
        },
    }


def _as_served(encoder: TextEncoder, folder: pathlib.Path) -> Servable:
    """Saves what a search does to a query, and loads it on one core."""
    module = tf.Module()
    module.encoder = encoder
    module.encode = tf.function(
        lambda text: {"vector": encoder(text)},
        input_signature=[tf.TensorSpec([None], tf.string, name="text")],
        autograph=False,
    )
    tf.saved_model.save(
        module, str(folder), signatures={_SIGNATURE: module.encode}
    )
    return Servable(
        str(folder),
        session_config=tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=1, inter_op_parallelism_threads=1
        ),
    )


def _milliseconds(seconds: np.ndarray) -> dict[str, float]:
    low, middle, high = np.percentile(seconds * 1e3, [10, 50, 90])
    return {
        "p10": round(float(low), 3),
        "median": round(float(middle), 3),
        "p90": round(float(high), 3),
    }


def _vectors_of(
    encoders: dict[str, TextEncoder],
) -> dict[str, Callable[[Sequence[str]], np.ndarray]]:
    return {
        name: functools.partial(_encode, encoder)
        for name, encoder in encoders.items()
    }


def _encode(encoder: TextEncoder, texts: Sequence[str]) -> np.ndarray:
    """Returns float32 [texts, d] by the encoder as it is for queries."""
    counts = encoder.token_counts(tf.constant(texts)).numpy()
    vectors = np.zeros((len(texts), encoder.dimension), np.float32)
    for rows in pack(counts, _BATCH_TOKENS):
        vectors[rows] = encoder(tf.constant([texts[row] for row in rows]))
    return vectors


def _neighbours(
    students: dict[str, TextEncoder],
    teacher: TeacherVectors,
    documents_teacher: TeacherVectors,
    queries: Sequence[str],
    documents: Sequence[str],
) -> dict:
    """Measures whose nearest documents the students find.

    The true ones are the teacher's for the teacher's vector of the query.
    """
    if not queries or len(documents) <= NEIGHBOURS:
        raise DataError(
            f"{len(queries)} held-out queries and {len(documents)} documents "
            f"are too few; needed: 1 and {NEIGHBOURS + 1}"
        )
    wanted, there = teacher(queries), documents_teacher(documents)
    measured: dict = {"queries": len(queries), "documents": len(documents)}
    for name, encode in _vectors_of(students).items():
        given, own = encode(queries), encode(documents)
        measured[name] = {
            "cosine": round(float((given * wanted).sum(-1).mean()), 4),
            "recall@10": round(recall_of_neighbours(given, wanted, there), 4),
            "recall@10_all_by_student": round(
                recall_of_neighbours(given, wanted, there, own), 4
            ),
        }
    return measured


def _accuracy(
    encoders: dict[str, Callable[[Sequence[str]], np.ndarray]],
    path: pathlib.Path,
    train: int,
) -> dict:
    """Fits logistic regressions on vectors of labelled reviews."""
    reviews = _read_reviews(path)
    texts = sorted(reviews)
    learnt = draw([text for text in texts if not is_held_out(text)], train)
    asked = [text for text in texts if is_held_out(text)]
    measured: dict = {"train": len(learnt), "test": len(asked)}
    for name, encode in encoders.items():
        vectors = encode([*learnt, *asked])
        mean = vectors[: len(learnt)].mean(axis=0)
        scale = vectors[: len(learnt)].std(axis=0) + 1e-6
        vectors = (vectors - mean) / scale
        measured[name] = {}
        for column, label in enumerate(("category", "sentiment")):
            labels = [reviews[text][column] for text in (*learnt, *asked)]
            model = LogisticRegression(C=0.1, max_iter=2000)
            model.fit(vectors[: len(learnt)], labels[: len(learnt)])
            score = model.score(vectors[len(learnt) :], labels[len(learnt) :])
            measured[name][label] = round(float(score), 4)
    return measured


def _read_reviews(path: pathlib.Path) -> dict[str, tuple[str, str]]:
    import csv
    import io
    import zipfile

    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            content = archive.read(archive.namelist()[0])
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    needed = ("cat", "label", "review")
    missing = [name for name in needed if name not in (reader.fieldnames or [])]
    if missing:
        raise DataError(f"{path} has no column {missing[0]!r}")
    reviews = {
        " ".join(row["review"].split()): (row["cat"], row["label"])
        for row in reader
    }
    reviews.pop("", None)
    return reviews
