"""Warm targets are ranked among all items, and among warm ones alone."""

import numpy as np

from benchmarks import coldstart
from components.retrieval_evaluator.evaluation import Queries
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.cooccurrence.sequences import ItemSequences

NO_HISTORY = ItemSequences(
    rows=np.zeros(0, np.int32),
    offsets=np.zeros(3, np.int64),
    timestamps=np.zeros(0, np.int64),
    positive=np.zeros(0, bool),
)


def test_new_items_take_places_only_where_they_are_ranked_too():
    warm = np.arange(12) >= 7
    # Before the warm target of the first query stand five new items.
    queries = Queries(NO_HISTORY, np.array([9, 6], np.int32))
    scores = np.zeros((2, 12), np.float32)
    scores[0, [0, 1, 2, 3, 4, 9]] = [9, 8, 7, 6, 5, 4]
    scores[1, [10, 11, 0, 1, 2, 3, 4, 5, 6]] = np.arange(9, 0, -1)
    groups = {
        "unseen": np.array([False, True]),
        "more events": np.array([True, False]),
    }
    found = coldstart.recalls_by_group(
        lambda first, last: scores[first:last],
        queries,
        groups,
        warm,
        RetrievalEvaluationSettings(),
    )
    assert found == {
        "unseen": {"recall@5": 0, "recall@10": 1, "recall@50": 1},
        "more events": {"recall@5": 0, "recall@10": 1, "recall@50": 1},
        coldstart.AMONG_WARM: {"recall@5": 1, "recall@10": 1, "recall@50": 1},
    }
