"""Evaluates the trained model beside its baselines and writes the result."""

import dataclasses
import json

import numpy as np
import scipy.sparse as sp
import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the text encoder's ops.

from components.retrieval_evaluator import requests
from components.retrieval_evaluator.evaluation import (
    Queries,
    Result,
    Scores,
    evaluate,
    make_slices,
    scores_of,
    scores_of_vectors,
    with_neighbours,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from components.retrieval_evaluator.tuning import tune_baselines
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


def run_evaluation(
    model_dir: str,
    examples_uri: str,
    output_dir: str,
    settings: RetrievalEvaluationSettings,
) -> dict:
    """Writes `metrics.json` and `examples.json`.

    Args:
      model_dir: SavedModel of the trained model.
      examples_uri: Folder of raw behaviour examples.
      output_dir: Where to write.
      settings: What is evaluated.

    Returns:
      What `metrics.json` holds.

    Raises:
      DataError: There is nothing to evaluate, or the examples do not fit.
    """
    model = tf.saved_model.load(model_dir)
    item_vectors = model.item_vectors().numpy()
    num_items = len(item_vectors)
    if not num_items:
        raise DataError(f"{model_dir}: the model holds no items")
    eval_files = requests.split_files(examples_uri, "sequence_eval")
    asked = read_queries(model, eval_files, settings)
    train = requests.read_sequences(
        requests.split_files(examples_uri, "sequence_train"),
        model.lookup,
        settings.positive_event_types,
    )
    known = train.rows >= 0
    train = train.keep(known)
    tuned = tune_baselines(train, num_items, settings)
    queries = asked.queries
    methods = {
        "model": asked.scores(item_vectors),
        "popularity": scores_of(tuned.popularity, queries),
        "item_knn": scores_of(tuned.item_knn, queries),
    }
    train_counts = np.bincount(train.rows, minlength=num_items)
    slices = make_slices(
        asked.history_lengths, queries.targets, train_counts, asked.has_query
    )
    results = {
        name: evaluate(scores, queries, num_items, settings)
        for name, scores in methods.items()
    }
    report = {
        "queries": len(queries.targets),
        "items": num_items,
        "left_out": {
            **asked.left_out,
            "unknown_train_steps": int(np.count_nonzero(~known)),
        },
        "exclude_seen": settings.exclude_seen,
        "models": {
            name: {
                "overall": {
                    **result.overall(),
                    **result.debiased(queries.targets, train_counts),
                },
                "intervals": result.intervals(asked.user_ids, settings.seed),
                "slices": result.by_slice(slices),
            }
            for name, result in results.items()
        },
        "leads": {
            name: results["model"].lead(result, asked.user_ids, settings.seed)
            for name, result in results.items()
            if name != "model"
        },
        "baselines": tuned.choices,
    }
    examples = _examples(
        asked, results, model.item_ids().numpy(), eval_files, settings
    )
    _write_json(f"{output_dir}/metrics.json", report)
    _write_json(f"{output_dir}/examples.json", examples)
    return report


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
    in_kept = kept[sequences.sequence_of_step()]
    kept_lengths = sequences.lengths[kept]
    return AskedQueries(
        queries=Queries(
            histories=ItemSequences(
                rows=sequences.rows[in_kept],
                offsets=np.r_[0, np.cumsum(kept_lengths)].astype(np.int64),
                timestamps=sequences.timestamps[in_kept],
                positive=sequences.positive[in_kept],
            ),
            targets=target[kept],
        ),
        vectors=np.concatenate(vectors)[kept],
        neighbours=sp.csr_array(sp.vstack(near, format="csr"))[kept],
        unseen_offset=np.concatenate(offsets)[kept],
        unseen=model.choices().numpy() == 0,
        positions=positions[kept],
        history_lengths=np.concatenate(lengths)[kept],
        has_query=np.concatenate(with_query)[kept],
        user_ids=np.concatenate(users)[kept],
        left_out={
            "unknown_target": int(unknown.sum()),
            "seen_target": int((seen & ~unknown).sum()),
        },
    )


def _as_matrix(rows, scores, num_items):
    """Makes float32 [B, items] of rows, each once or -1, and scores."""
    query, place = np.nonzero(rows >= 0)
    return sp.csr_array(
        (scores[query, place], (query, rows[query, place])),
        shape=(len(rows), num_items),
    )


def _pick(asked: AskedQueries, count: int) -> np.ndarray:
    """Picks users from the shortest history to the longest, one query each.

    By length alone and never by success, so that what is shown is typical.
    """
    _, first = np.unique(asked.user_ids, return_index=True)
    order = first[np.argsort(asked.history_lengths[first], kind="stable")]
    count = min(count, len(order))
    places = np.linspace(0, len(order) - 1, count).round().astype(int)
    return order[np.unique(places)] if count else order[:0]


def _examples(
    asked: AskedQueries,
    results: dict[str, Result],
    item_ids: np.ndarray,
    files: list[str],
    settings: RetrievalEvaluationSettings,
) -> list[dict]:
    """Makes what `examples.json` holds: users, what they did, their lists."""
    picked = np.sort(_pick(asked, settings.examples))
    shown = []
    for batch in requests.read_requests(
        files,
        max_history=settings.max_history,
        batch_size=max(1, len(picked)),
        positions=asked.positions[picked],
    ):
        for place in range(len(batch)):
            shown.append(_example(batch, place))
    for example, query in zip(shown, picked, strict=True):
        example["rank"] = {
            name: int(result.ranks[query]) + 1
            for name, result in results.items()
        }
        example["recommendations"] = {
            name: [
                {"item_id": item_ids[row].decode(), "score": float(score)}
                for row, score in zip(
                    result.top[query], result.top_scores[query], strict=True
                )
                if row >= 0
            ]
            for name, result in results.items()
        }
    return sorted(shown, key=lambda example: len(example["history"]))


def _example(batch: requests.RequestBatch, place: int) -> dict:
    request = {
        name: values[place].numpy() for name, values in batch.request.items()
    }
    return {
        "user_id": batch.user_ids[place].decode(),
        "timestamp": int(request["timestamp"]),
        **{name: request[name].decode() for name in requests.CONTEXT},
        "target_item_id": batch.target_item_ids[place].decode(),
        "history": [
            {
                "item_id": request["history_item_ids"][step].decode(),
                "event_type": request["history_event_types"][step].decode(),
                "query": request["history_queries"][step].decode(),
                "timestamp": int(request["history_timestamps"][step]),
            }
            for step in range(batch.history_lengths[place])
        ],
    }


def _write_json(path: str, content) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(
            json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False)
        )
