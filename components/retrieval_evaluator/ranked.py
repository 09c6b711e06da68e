"""The order in which items are shown: retrieved, then ranked."""

import numpy as np
import tensorflow as tf

from components.retrieval_evaluator import requests
from components.retrieval_evaluator.asking import AskedQueries
from components.retrieval_evaluator.evaluation import Result, Scores, evaluate
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.metrics import catalogue_order

# What retrieval finds and ranking puts in order.
RETRIEVED = 100


def compare(
    model,
    files: list[str],
    asked: AskedQueries,
    item_vectors: np.ndarray,
    settings: RetrievalEvaluationSettings,
) -> dict:
    """Says what ranking makes of what retrieval finds.

    Args:
      model: The loaded trained model.
      files: Of the split `sequence_eval`.
      asked: What it was asked, by vectors.
      item_vectors: float32 [items, d], the model's.
      settings: `ranked_queries` of the queries are ranked.

    Returns:
      `queries`, how many; of the items as they are shown `overall` and
      `intervals`; and their `lead` over retrieval on the same queries.
    """
    chosen = np.zeros(len(asked.positions), bool)
    chosen[
        requests.choose(len(chosen), settings.ranked_queries, settings.seed)
    ] = True
    asked = asked.only(chosen)
    scores = asked.scores(item_vectors)
    retrieved, shown = (
        evaluate(way, asked.queries, len(item_vectors), settings)
        for way in (
            scores,
            _in_order(model, files, asked, scores, settings),
        )
    )
    return _told(shown, retrieved, asked, item_vectors, settings)


def _told(
    shown: Result, retrieved: Result, asked, item_vectors, settings
) -> dict:
    users, seed = asked.user_ids, settings.seed
    return {
        "queries": len(users),
        "overall": {**shown.overall(), **shown.diversity(item_vectors)},
        "intervals": shown.intervals(users, seed),
        "lead": shown.lead(retrieved, users, seed),
    }


def _in_order(model, files, asked, scores, settings) -> Scores:
    """Lifts what is retrieved above the rest, in the order of ranking."""
    rows, order, first = [], [], 0
    for batch in requests.read_requests(
        files,
        max_history=settings.max_history,
        batch_size=settings.batch_size,
        positions=asked.positions,
    ):
        block = scores(first, first + len(batch))
        if settings.exclude_seen:
            seen = asked.queries.histories.slice(first, first + len(batch))
            block[seen.sequence_of_step(), seen.rows] = -np.inf
        best = catalogue_order.top_items(
            block, RETRIEVED, catalogue_order.tie_order(block.shape[1])
        )
        found = np.maximum(best, 0)
        text = model.encode_queries(batch.request["query"])
        ranked = model.rank_scores(
            batch.request,
            text,
            model.retrieve(batch.request, text),
            tf.constant(found),
        )
        rows.append(found)
        order.append(np.argsort(np.argsort(ranked["score"].numpy(), 1), 1))
        first += len(batch)
    all_rows, places = np.concatenate(rows), np.concatenate(order)

    def lifted(begin, end):
        block = scores(begin, end)
        above = block.max(axis=1, keepdims=True) + 1
        np.put_along_axis(
            block,
            all_rows[begin:end],
            (above + places[begin:end]).astype(block.dtype),
            axis=1,
        )
        return block

    return lifted
