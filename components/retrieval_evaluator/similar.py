"""What items that are like the last one are worth, as `similar` gives them."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from components.retrieval_evaluator import requests
from components.retrieval_evaluator.asking import AskedQueries
from components.retrieval_evaluator.evaluation import (
    Queries,
    Scores,
    evaluate,
    scores_of,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.baselines import Baseline
from models.cooccurrence.sequences import ItemSequences

_SMALLEST = 1e-12


def compare(
    model,
    asked: AskedQueries,
    item_vectors: NDArray[np.float32],
    item_knn: Baseline,
    settings: RetrievalEvaluationSettings,
) -> dict:
    """Asks for items like the last one of a history; the target is the next.

    Nothing else of the request is read, and the item itself is left out, as
    in the signature `similar`. Queries whose target it is, or that have no
    history, are not asked.

    Args:
      model: The loaded trained model.
      asked: Its queries.
      item_vectors: float32 [items, d], the model's.
      item_knn: A baseline, which is told the last item alone too.
      settings: `ranked_queries` are asked at most.

    Returns:
      `queries`, how many; and of each method under `models` its `overall`
      figures. {} where there is no such query.
    """
    queries = _of_last_items(asked.queries, settings)
    if not len(queries.targets):
        return {}
    # What was seen is the item itself, and nothing more.
    settings = dataclasses.replace(settings, exclude_seen=True)
    methods = {
        "model": _cosines(model, item_vectors, queries, settings),
        "item_knn": scores_of(item_knn, queries),
    }
    results = {
        name: evaluate(scores, queries, len(item_vectors), settings)
        for name, scores in methods.items()
    }
    return {
        "queries": len(queries.targets),
        "models": {
            name: {
                "overall": {
                    **result.overall(),
                    **result.diversity(item_vectors),
                }
            }
            for name, result in results.items()
        },
    }


def _of_last_items(
    queries: Queries, settings: RetrievalEvaluationSettings
) -> Queries:
    """Leaves the last item of each history, where it is not the target."""
    histories = queries.histories
    last = histories.offsets[1:] - 1
    asked = np.flatnonzero(histories.lengths > 0)
    asked = asked[histories.rows[last[asked]] != queries.targets[asked]]
    asked = asked[
        requests.choose(len(asked), settings.ranked_queries, settings.seed)
    ]
    return Queries(
        histories=ItemSequences(
            rows=histories.rows[last[asked]],
            offsets=np.arange(len(asked) + 1),
            timestamps=histories.timestamps[last[asked]],
            positive=np.ones(len(asked), bool),
        ),
        targets=queries.targets[asked],
    )


def _cosines(
    model,
    item_vectors: NDArray[np.float32],
    queries: Queries,
    settings: RetrievalEvaluationSettings,
) -> Scores:
    """Blends those of item vectors and of texts, as `SimilarItems` does."""
    items = _unit(item_vectors)
    texts = _unit(model.text_vectors().numpy())
    rows = queries.histories.rows
    has_text = (texts != 0).any(1)

    def scores(first, last):
        some = rows[first:last]
        weight = settings.similar_text_weight * has_text[some, np.newaxis]
        by_vector = items[some] @ items.T
        if not texts.shape[1]:
            return by_vector
        by_text = texts[some] @ texts.T
        return ((1 - weight) * by_vector + weight * by_text).astype(np.float32)

    return scores


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, _SMALLEST)
