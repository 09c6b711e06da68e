"""Asks another version the queries that the model is asked."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval_evaluator.asking import read_queries
from components.retrieval_evaluator.evaluation import evaluate
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.metrics import retrieval as metrics
from models.metrics.catalogue_order import UNREACHABLE
from schema.errors import DataError


def ranks_at(
    model,
    files: list[str],
    positions: NDArray[np.int64],
    settings: RetrievalEvaluationSettings,
) -> NDArray[np.int64]:
    """Ranks the targets of queries among the items that a model knows.

    Args:
      model: A loaded trained model; its items may be others than those of
        the model that the queries were chosen for.
      files: Of the split `sequence_eval`.
      positions: int64 [queries], ascending, among those that the settings
        draw.
      settings: Of the evaluation.

    Returns:
      int64 [queries]; a target that the model does not know is unreachable.
    """
    ranks = np.full(len(positions), UNREACHABLE)
    try:
        asked = read_queries(model, files, settings)
    except DataError:  # it knows none of the targets
        return ranks
    vectors = model.item_vectors().numpy()
    found = evaluate(
        asked.scores(vectors), asked.queries, len(vectors), settings
    ).ranks
    place = np.searchsorted(positions, asked.positions)
    place = np.minimum(place, len(positions) - 1)
    same = positions[place] == asked.positions
    ranks[place[same]] = found[same]
    return ranks


def figures(ranks: NDArray[np.int64]) -> dict[str, float]:
    """Returns what the gate compares: `recall@50` and `ndcg@10`."""
    return {
        "recall@50": metrics.recall_at_k(ranks, 50),
        "ndcg@10": metrics.ndcg_at_k(ranks, 10),
    }


def ask_last_version(
    model_dir: str,
    files: list[str],
    positions: NDArray[np.int64],
    settings: RetrievalEvaluationSettings,
) -> dict[str, float]:
    """Returns the figures of the version that training went on with.

    It does not know the items that came since, which the others are asked
    for too: without training anew they could not have been found.

    Args:
      model_dir: Its trained SavedModel.
      files: As for `ranks_at`.
      positions: As for `ranks_at`.
      settings: As for `ranks_at`.
    """
    model = tf.saved_model.load(model_dir)
    return figures(ranks_at(model, files, positions, settings))
