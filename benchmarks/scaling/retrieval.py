"""Stages over made-up vectors: the index, and ranking a whole catalogue."""

import pathlib
import shutil

import numpy as np

from benchmarks.index.vectors import made_up
from benchmarks.scaling.measuring import Work
from components.retrieval_evaluator.evaluation import (
    Queries,
    evaluate,
    scores_of_vectors,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.cooccurrence.sequences import ItemSequences
from models.index import blocks, scann
from models.index.settings import IndexSettings

ITEMS, DIMENSION, QUERIES = 20_000, 64, 1_000
_STEPS = 20
_FEW_ITEMS = 5_000


def queries(count: int, folder: pathlib.Path) -> Work:
    """Ranks `ITEMS` for so many queries."""
    del folder
    return _evaluation(ITEMS, count)


def catalogue(items: int, folder: pathlib.Path) -> Work:
    """Ranks so many items for `QUERIES` queries."""
    del folder
    return _evaluation(items, QUERIES)


def _evaluation(items, count):
    rng = np.random.default_rng(2)
    vectors, asked = made_up(items, DIMENSION, count)
    steps = count * _STEPS
    wanted = Queries(
        histories=ItemSequences(
            rows=rng.integers(0, items, steps, np.int32),
            offsets=np.arange(0, steps + 1, _STEPS),
            timestamps=np.arange(steps),
            positive=np.ones(steps, bool),
        ),
        targets=rng.integers(0, items, count, np.int32),
    )
    settings = RetrievalEvaluationSettings(exclude_seen=True)

    def run():
        scores = scores_of_vectors(asked, vectors)
        result = evaluate(scores, wanted, items, settings)
        return {"median_rank": float(np.median(result.ranks))}

    return Work(run=run)


def index(items: int, folder: pathlib.Path) -> Work:
    """Builds what `ItemIndex` serves of so many items."""
    return _index(items, DIMENSION, folder)


def width(dimension: int, folder: pathlib.Path) -> Work:
    """Builds the index of 5,000 items with vectors of so many numbers."""
    return _index(_FEW_ITEMS, dimension, folder)


def _index(items, dimension, folder):
    vectors, asked = made_up(items, dimension, QUERIES)
    settings = IndexSettings(training_threads=1)
    saved = folder / "scann"

    def run():
        trained = scann.train(vectors, asked, settings)
        trained.save(saved)
        leaves = scann.leaves_of(saved, items)
        cut = blocks.make(vectors, leaves, asked, settings)
        cut.save(folder)
        return {"recall": cut.recall, "searched": cut.searched}

    return Work(run=run, again=lambda: shutil.rmtree(saved))
