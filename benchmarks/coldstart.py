"""Cold start and long tail: what text is worth, measured by holding out.

A share of the items loses its training steps, another keeps five of them. The
towers are trained anew on a finished run's artifacts, once with text and once
without, and the evaluation's queries are asked, by how often their target was
seen. `daogou bench coldstart --preset demo` runs it.
"""

import dataclasses
import json
import math
import pathlib
import tempfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from benchmarks import held_out
from benchmarks.content_knn import ContentKnn, centred
from components.retrieval_evaluator import requests
from components.retrieval_evaluator.asking import AskedQueries, read_queries
from components.retrieval_evaluator.evaluation import (
    Queries,
    Scores,
    evaluate,
    scores_of,
    scores_of_vectors,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from components.retrieval_evaluator.tuning import tune_baselines
from models.catalogue_files import align, read_text_vectors
from models.settings import ModelSettings, TrainingSettings
from models.training import trainer

MOST_EVENTS = 5
CUTS = (5, 10, 50)
# Places that new items are given are not there for others. Without the new
# ones in the list, it shows whether text costs the others anything else.
AMONG_WARM = "more events, among such items"
# Ranking plays no part here; its heads are made and left alone.
_RANKING_EXAMPLES = 256
# What content-kNN may choose from, on the evaluation itself, in its favour.
_HALF_LIVES = (0.0, 1.0, 3.0, 10.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artifacts:
    """Folders of a finished run, raw examples and what training reads."""

    examples: pathlib.Path
    sources: trainer.Sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is held out.

    Attributes:
      share: Of the items that training saw, for each of the two samples.
      seed: Of the draw.
      max_epochs: Passes over the sequences at most; 0 as the run had it.
    """

    share: float = 0.2
    seed: int = 7
    max_epochs: int = 0


def run(
    artifacts: Artifacts,
    model: ModelSettings,
    training: TrainingSettings,
    evaluation: RetrievalEvaluationSettings,
    options: Options,
) -> dict:
    """Holds items out, trains with and without text, and evaluates.

    Args:
      artifacts: Of the finished run.
      model: As the run had it, but for a complete catalogue.
      training: As the run had it; limits of time are lifted, because the two
        models must be trained alike.
      evaluation: As the run had it.
      options: What is held out.

    Returns:
      Queries of each group of targets, and for each method and group its
      recalls; `random` is k over the number of items.
    """
    changes: dict = {"max_seconds": 0.0, "ranking_epochs": 1}
    if options.max_epochs:
        changes["max_epochs"] = options.max_epochs
    training = dataclasses.replace(training, **changes)
    # What is held out was not there, whatever the run's catalogue was.
    model = dataclasses.replace(model, complete_catalogue=False)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        out, sources = hold_out(
            artifacts, work, share=options.share, seed=options.seed
        )
        texts = {
            "text": sources,
            "no text": dataclasses.replace(
                sources, text_vectors=_no_text(work / "no_text")
            ),
        }
        found = {}
        for name, made_of in texts.items():
            into = f"{work}/{name.replace(' ', '_')}"
            history = trainer.train(
                made_of, f"{into}/model", f"{into}/run", model, training
            )
            epochs = len(history["retrieval"])
            found[name] = ask(f"{into}/model", epochs, artifacts, evaluation)
        result = _compare(
            found,
            dataclasses.replace(artifacts, sources=sources),
            str(work / "raw"),
            evaluation,
        )
    counts = {"held_out": len(out.unseen), "kept_few": len(out.few_since)}
    return counts | result


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model's answers: query and item vectors, and whose."""

    asked: AskedQueries
    items: np.ndarray
    lookup: requests.Lookup
    item_ids: np.ndarray
    epochs: int


def hold_out(
    artifacts: Artifacts, work: pathlib.Path, *, share: float, seed: int
) -> tuple[held_out.HeldOut, trainer.Sources]:
    """Draws items and takes their steps out of what training reads.

    Args:
      artifacts: Of a finished run; they stay as they are.
      work: Folder for what is left: raw sequences under `raw`, and what the
        returned sources name.
      share: Of the items that training saw, for each of the two samples.
      seed: Of the draw.

    Returns:
      What was drawn, and the sources without it.
    """
    raw_train = requests.split_files(str(artifacts.examples), "sequence_train")
    out = held_out.choose(
        raw_train, share=share, most_events=MOST_EVENTS, seed=seed
    )
    held_out.write_split(raw_train, work / "raw/Split-sequence_train", out)
    return out, _without(artifacts.sources, work / "transformed", out)


def _without(
    sources: trainer.Sources, folder: pathlib.Path, out: held_out.HeldOut
) -> trainer.Sources:
    """Returns the sources with the steps of held-out items gone."""
    held_out.write_split(
        requests.split_files(sources.examples, "sequence_train"),
        folder / "Split-sequence_train",
        out,
    )
    held_out.copy_some(
        requests.split_files(sources.examples, "train"),
        folder / "Split-train",
        _RANKING_EXAMPLES,
    )
    return dataclasses.replace(sources, examples=str(folder))


def _no_text(folder):
    """Writes text vectors of a catalogue and of searches without a text."""
    folder.mkdir(parents=True)
    for name, key in (("items", "item_id"), ("queries", "query")):
        schema = pa.schema(
            [(key, pa.string()), ("vector", pa.list_(pa.float32()))]
        )
        pq.write_table(schema.empty_table(), folder / f"{name}.parquet")
    (folder / "encoder.json").write_text(json.dumps({"dimension": 0}))
    return str(folder)


def ask(
    model_dir: str,
    epochs: int,
    artifacts: Artifacts,
    evaluation: RetrievalEvaluationSettings,
) -> Trained:
    """Asks a trained model the evaluation's queries."""
    model = tf.saved_model.load(model_dir)
    files = requests.split_files(str(artifacts.examples), "sequence_eval")
    return Trained(
        asked=read_queries(model, files, evaluation),
        items=model.item_vectors().numpy(),
        lookup=model.lookup,
        item_ids=model.item_ids().numpy(),
        epochs=epochs,
    )


def _compare(found, artifacts, raw, evaluation) -> dict:
    text = found["text"]
    asked, ids = text.asked, text.item_ids
    train = requests.read_sequences(
        requests.split_files(raw, "sequence_train"),
        text.lookup,
        evaluation.positive_event_types,
    )
    train = train.keep(train.rows >= 0)
    tuned = tune_baselines(train, len(ids), evaluation)
    seen = np.bincount(train.rows, minlength=len(ids))[asked.queries.targets]
    groups = {
        "unseen": seen == 0,
        "1 to 5 events": (seen > 0) & (seen <= MOST_EVENTS),
        "more events": seen > MOST_EVENTS,
    }
    groups |= {
        f"{name}, no search": mask & ~asked.has_query
        for name, mask in groups.items()
        if asked.has_query.any()
    }
    folder = artifacts.sources.text_vectors
    keys, vectors, _ = read_text_vectors(folder, "item_id")
    texts = centred(align(ids, keys, vectors))
    searched = _search_vectors(artifacts, asked, evaluation)
    methods: dict[str, Scores] = {
        name: trained.asked.scores(trained.items)
        for name, trained in found.items()
    }
    methods["item-kNN"] = scores_of(tuned.item_knn, asked.queries)
    methods["popularity"] = scores_of(tuned.popularity, asked.queries)
    for half_life in _HALF_LIVES:
        knn = ContentKnn(texts=texts, half_life_steps=half_life)
        methods[f"content-kNN, half-life {half_life:g}"] = scores_of(
            knn, asked.queries
        )
        if asked.has_query.any():
            both = knn.profiles(asked.queries.histories) + 3.0 * searched
            methods[f"content-kNN and search, half-life {half_life:g}"] = (
                scores_of_vectors(both, texts)
            )
    warm = np.bincount(train.rows, minlength=len(ids)) > MOST_EVENTS
    recalls = {
        name: recalls_by_group(scores, asked.queries, groups, warm, evaluation)
        for name, scores in methods.items()
    }
    groups[AMONG_WARM] = groups["more events"]
    return {
        "items": len(ids),
        "epochs": {name: trained.epochs for name, trained in found.items()},
        "queries": {name: int(mask.sum()) for name, mask in groups.items()},
        "random": {f"recall@{k}": min(1.0, k / len(ids)) for k in CUTS},
        "methods": recalls,
    }


def recalls_by_group(
    scores: Scores,
    queries: Queries,
    groups: dict[str, np.ndarray],
    warm: np.ndarray,
    evaluation: RetrievalEvaluationSettings,
) -> dict[str, dict[str, float]]:
    """Ranks the targets, and those of warm items among such items too.

    Args:
      scores: Of the method.
      queries: What is asked.
      groups: Name of a group to its queries, bool [queries]; one of them is
        "more events".
      warm: bool [items], those with more than `MOST_EVENTS` in training.
      evaluation: As the run had it.

    Returns:
      By group, and as `AMONG_WARM`, the recall at each of `CUTS`.
    """

    def of_warm(first: int, last: int) -> np.ndarray:
        return np.where(warm, scores(first, last), -np.inf)

    ranks, among_warm = (
        evaluate(asked, queries, len(warm), evaluation).ranks
        for asked in (scores, of_warm)
    )
    found = {name: _recalls(ranks[mask]) for name, mask in groups.items()}
    found[AMONG_WARM] = _recalls(among_warm[groups["more events"]])
    return found


def _search_vectors(artifacts, asked, evaluation):
    """Returns the centred vectors of the queries' search texts, or zeros."""
    folder = artifacts.sources.text_vectors
    keys, vectors, _ = read_text_vectors(folder, "query")
    files = requests.split_files(str(artifacts.examples), "sequence_eval")
    texts = [
        text
        for batch in requests.read_requests(
            files,
            max_history=evaluation.max_history,
            batch_size=evaluation.batch_size,
            positions=asked.positions,
        )
        for text in batch.request["query"].numpy()
    ]
    return align(np.array(texts, object), keys, centred(vectors))


def _recalls(ranks: np.ndarray) -> dict[str, float]:
    return {f"recall@{k}": _share(ranks < k) for k in CUTS}


def _share(hits) -> float:
    return round(float(hits.mean()), 4) if len(hits) else math.nan


def artifacts_of(
    runs: pathlib.Path, preset: str
) -> tuple[Artifacts, ModelSettings, TrainingSettings]:
    """Returns artifacts and settings of the newest finished run of a preset.

    Args:
      runs: Folder of all runs.
      preset: Its name.

    Returns:
      `Artifacts`, and the run's `ModelSettings` and `TrainingSettings`.

    Raises:
      DataError: There is no finished run, or its artifacts are gone.
    """
    from cli.reports import newest_report
    from pipeline.change_items import run_version
    from pipeline.lineage import read_lineage
    from pipeline.places import local_places

    report = newest_report(runs, preset)
    lineage = read_lineage(
        pathlib.Path(local_places(runs, preset).metadata_path),
        run_version(report.values),
    )
    made_of = {name: str(p) for name, p in lineage.trainer.inputs.items()}
    config = json.loads(lineage.trainer.settings["custom_config"])
    return (
        Artifacts(
            examples=lineage.servable.inputs["examples"],
            sources=trainer.Sources(
                examples=made_of["examples"],
                transform_graph=made_of["transform_graph"],
                items=made_of["transformed_items"],
                item_transform_graph=made_of["item_transform_graph"],
                text_vectors=made_of["text_vectors"],
            ),
        ),
        ModelSettings.from_json(config["model_settings"]),
        TrainingSettings.from_json(config["training_settings"]),
    )
