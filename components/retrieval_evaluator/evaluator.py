"""Evaluates the trained model beside its baselines and writes the result."""

import json

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the text encoder's ops.

from components.retrieval_evaluator import ranked, requests, similar
from components.retrieval_evaluator.asking import AskedQueries, read_queries
from components.retrieval_evaluator.evaluation import (
    Result,
    evaluate,
    make_slices,
    scores_of,
)
from components.retrieval_evaluator.last_version import ask_last_version
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from components.retrieval_evaluator.tuning import tune_baselines
from schema.errors import DataError


def run_evaluation(
    model_dir: str,
    examples_uri: str,
    output_dir: str,
    settings: RetrievalEvaluationSettings,
    last_version: str = "",
) -> dict:
    """Writes `metrics.json` and `examples.json`.

    Args:
      model_dir: SavedModel of the trained model.
      examples_uri: Folder of raw behaviour examples.
      output_dir: Where to write.
      settings: What is evaluated.
      last_version: SavedModel of the version that training went on with; it
        is asked the same queries.

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
                    **result.diversity(item_vectors),
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
        "ranked": ranked.compare(
            model, eval_files, asked, item_vectors, settings
        ),
        "similar": similar.compare(
            model, asked, item_vectors, tuned.item_knn, settings
        ),
        "baselines": tuned.choices,
    }
    if last_version:
        report["last_version"] = ask_last_version(
            last_version, eval_files, asked.positions, settings
        )
    examples = _examples(
        asked, results, model.item_ids().numpy(), eval_files, settings
    )
    # TFX's local launcher makes the folder, Kubeflow's does not.
    tf.io.gfile.makedirs(output_dir)
    _write_json(f"{output_dir}/metrics.json", report)
    _write_json(f"{output_dir}/examples.json", examples)
    return report


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
