"""Asks the trained model what decides which items are retrieved."""

import dataclasses

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from components.retrieval_evaluator import requests
from components.retrieval_evaluator.evaluation import (
    Queries,
    Scores,
    scores_of_vectors,
    with_neighbours,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.cooccurrence.sequences import ItemSequences
from schema.errors import DataError


@dataclasses.dataclass(frozen=True)
class AskedQueries:
    """The queries of `sequence_eval` whose target the model knows.

    Attributes:
      queries: In item rows.
      vectors: float32 [queries, d], the model's.
      neighbours: float32 [queries, items], what neighbours of the history add
        to the model's scores.
      unseen_offset: float32 [queries], what is added for unseen items.
      unseen: bool [items], those that training has not seen.
      positions: int64 [queries], which example of the split.
      history_lengths: int64 [queries], steps in the request.
      has_query: bool [queries].
      user_ids: bytes objects [queries].
      left_out: Why other queries are not here → how many.
    """

    queries: Queries
    vectors: np.ndarray
    neighbours: sp.csr_array
    unseen_offset: np.ndarray
    unseen: np.ndarray
    positions: np.ndarray
    history_lengths: np.ndarray
    has_query: np.ndarray
    user_ids: np.ndarray
    left_out: dict[str, int]

    def scores(self, item_vectors: np.ndarray) -> Scores:
        """Scores of the model that was asked.

        Args:
          item_vectors: float32 [items, d], the model's.
        """
        return with_neighbours(
            scores_of_vectors(self.vectors, item_vectors),
            self.neighbours,
            self.unseen_offset,
            self.unseen,
        )

    def only(self, chosen: np.ndarray) -> "AskedQueries":
        """Returns the queries marked, bool [queries]."""
        return dataclasses.replace(
            self,
            queries=Queries(
                histories=self.queries.histories.only(chosen),
                targets=self.queries.targets[chosen],
            ),
            **{
                name: getattr(self, name)[chosen]
                for name in (
                    *("vectors", "neighbours", "unseen_offset", "positions"),
                    *("history_lengths", "has_query", "user_ids"),
                )
            },
        )


def read_queries(
    model, files: list[str], settings: RetrievalEvaluationSettings
) -> AskedQueries:
    """Asks the model for the vectors of the queries drawn.

    Args:
      model: The loaded trained model.
      files: Of the split `sequence_eval`.
      settings: How many queries, and what counts.

    Raises:
      DataError: No query is left that the model can be asked.
    """
    positions = requests.choose(
        requests.count_records(files), settings.max_queries, settings.seed
    )
    if not len(positions):
        raise DataError(
            f"{files[0]}: nobody did anything after the split time, so there "
            "is nothing to evaluate; allowed: at least 1 example in "
            "sequence_eval"
        )
    num_items = len(model.item_ids())
    rows, steps, targets = [], [], []
    vectors, near, offsets = [], [], []
    lengths, with_query, users = [], [], []
    for batch in requests.read_requests(
        files,
        max_history=settings.max_history,
        batch_size=settings.batch_size,
        positions=positions,
    ):
        text = model.encode_queries(batch.request["query"])
        found = {
            name: value.numpy()
            for name, value in model.retrieve(batch.request, text).items()
        }
        vectors.append(found["query"])
        offsets.append(found["unseen_offset"])
        near.append(_as_matrix(found["neighbours"], found["added"], num_items))
        history = model.lookup(batch.request["history_item_ids"]).numpy()
        filled = np.arange(history.shape[1]) < batch.history_lengths[:, None]
        known = filled & (history >= 0)
        rows.append(history[known])
        steps.append(known.sum(axis=1))
        targets.append(model.lookup(tf.constant(batch.target_item_ids)).numpy())
        lengths.append(batch.history_lengths)
        with_query.append(batch.request["query"].numpy() != b"")
        users.append(batch.user_ids)
    all_rows = np.concatenate(rows).astype(np.int32)
    sequences = ItemSequences(
        rows=all_rows,
        offsets=np.r_[0, np.cumsum(np.concatenate(steps))].astype(np.int64),
        timestamps=np.zeros(len(all_rows), np.int64),
        positive=np.ones(len(all_rows), bool),
    )
    target = np.concatenate(targets).astype(np.int32)
    unknown = target < 0
    seen = np.zeros(len(target), bool)
    if settings.exclude_seen:
        query = sequences.sequence_of_step()
        seen[query[sequences.rows == target[query]]] = True
    kept = ~unknown & ~seen
    if not kept.any():
        raise DataError(
            f"{files[0]}: of {len(target)} queries {int(unknown.sum())} have a "
            f"target that the model does not know and {int(seen.sum())} one "
            "that the user has seen; none is left to evaluate"
        )
    return AskedQueries(
        queries=Queries(histories=sequences, targets=target),
        vectors=np.concatenate(vectors),
        neighbours=sp.csr_array(sp.vstack(near, format="csr")),
        unseen_offset=np.concatenate(offsets),
        unseen=model.choices().numpy() == 0,
        positions=positions,
        history_lengths=np.concatenate(lengths),
        has_query=np.concatenate(with_query),
        user_ids=np.concatenate(users),
        left_out={
            "unknown_target": int(unknown.sum()),
            "seen_target": int((seen & ~unknown).sum()),
        },
    ).only(kept)


def _as_matrix(rows, scores, num_items):
    """Makes float32 [B, items] of rows, each once or -1, and scores."""
    query, place = np.nonzero(rows >= 0)
    return sp.csr_array(
        (scores[query, place], (query, rows[query, place])),
        shape=(len(rows), num_items),
    )
