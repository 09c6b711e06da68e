"""Chooses the baselines' hyperparameters on the end of the training period.

The training steps are cut in time once more: baselines are fitted on what came
before the cut, asked for positive steps after it as the evaluation asks, and
then fitted anew, with what was best, on all of it. The evaluation's own targets
play no part.
"""

import dataclasses
import typing
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from components.retrieval_evaluator.evaluation import (
    Queries,
    evaluate,
    scores_of,
)
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.baselines import (
    Baseline,
    ItemKnn,
    ItemKnnSettings,
    Popularity,
    PopularitySettings,
)
from models.cooccurrence.sequences import ItemSequences

# Fewer queries than this say nothing; the middle of the grid is used then.
_MIN_QUERIES = 20


@dataclasses.dataclass(frozen=True)
class TunedBaselines:
    """Baselines fitted on the whole training period.

    Attributes:
      popularity: Popularity.
      item_knn: Item-kNN.
      choices: What was tried and taken, as `metrics.json` has it.
    """

    popularity: Popularity
    item_knn: ItemKnn
    choices: dict


def tune_baselines(
    train: ItemSequences,
    num_items: int,
    settings: RetrievalEvaluationSettings,
) -> TunedBaselines:
    """Chooses by recall@50 + NDCG@10 (what the gate compares) and fits.

    Item-kNN is chosen in two steps: shrinkage with the number of neighbours,
    then the weights of the history.

    Args:
      train: All training steps.
      num_items: Size of the catalogue.
      settings: What may be tried.
    """
    fit_part, queries = _hold_out(train, settings)
    few = len(queries.targets) < _MIN_QUERIES
    trials: list[dict] = []

    def best(name, candidates: Iterable[tuple[typing.Any, Baseline]]):
        scored: list[tuple[float, int, typing.Any]] = []
        for choice, method in candidates:
            value = _value(method, queries, num_items, settings)
            trials.append({"method": name, **vars(choice), "value": value})
            scored.append((value, len(scored), choice))
        # The first of equally good ones.
        return max(scored, key=lambda entry: (entry[0], -entry[1]))[2]

    if few:
        popular, nearest = PopularitySettings(), ItemKnnSettings()
    else:
        popular = best(
            "popularity",
            (
                (choice, Popularity.fit(fit_part, num_items, choice))
                for days in settings.half_life_days
                for choice in [PopularitySettings(half_life_days=days)]
            ),
        )
        behind = Popularity.fit(fit_part, num_items, popular)
        nearest = best("item_knn", _neighbourhoods(fit_part, behind, settings))
        fitted = ItemKnn.fit(fit_part, num_items, nearest, behind)
        repeats = (0.0,) if settings.exclude_seen else settings.repeat
        nearest = best(
            "item_knn",
            (
                (choice, fitted.with_settings(choice))
                for steps in settings.half_life_steps
                for repeat in repeats
                for choice in [
                    dataclasses.replace(
                        nearest, half_life_steps=steps, repeat=repeat
                    )
                ]
            ),
        )
    popularity = Popularity.fit(train, num_items, popular)
    return TunedBaselines(
        popularity=popularity,
        item_knn=ItemKnn.fit(train, num_items, nearest, popularity),
        choices={
            "validation_queries": len(queries.targets),
            "popularity": vars(popular),
            "item_knn": vars(nearest),
            "trials": trials,
        },
    )


def _neighbourhoods(sequences, popularity, settings):
    num_items = len(popularity.counts)
    most = max(settings.neighbours)
    for shrink in settings.shrink:
        widest = ItemKnnSettings(shrink=shrink, neighbours=most)
        fitted = ItemKnn.fit(sequences, num_items, widest, popularity)
        for neighbours in settings.neighbours:
            choice = dataclasses.replace(widest, neighbours=neighbours)
            yield choice, fitted.with_settings(choice)


def _value(
    method: Baseline,
    queries: Queries,
    num_items: int,
    settings: RetrievalEvaluationSettings,
) -> float:
    result = evaluate(scores_of(method, queries), queries, num_items, settings)
    values = result.overall()
    return values["recall@50"] + values["ndcg@10"]


def _hold_out(
    train: ItemSequences, settings: RetrievalEvaluationSettings
) -> tuple[ItemSequences, Queries]:
    """Cuts the training steps in time and draws queries behind the cut."""
    if not train.positive.any():
        return train, Queries.of_steps(train, np.zeros(0, np.int64), 1)
    cut = np.quantile(
        train.timestamps[train.positive], 1.0 - settings.validation_share
    )
    late = train.timestamps > cut
    steps = np.flatnonzero(late & train.positive)
    if settings.exclude_seen:
        steps = steps[~_seen_before(train)[steps]]
    if len(steps) > settings.validation_queries:
        rng = np.random.default_rng(settings.seed)
        steps = np.sort(
            rng.choice(steps, settings.validation_queries, replace=False)
        )
    queries = Queries.of_steps(train, steps, settings.max_history)
    return train.keep(~late), queries


def _seen_before(sequences: ItemSequences) -> NDArray[np.bool_]:
    """Marks the steps whose item came earlier in the same sequence."""
    sequence = sequences.sequence_of_step()
    order = np.lexsort((np.arange(len(sequence)), sequences.rows, sequence))
    again = np.zeros(len(sequence), bool)
    again[order[1:]] = (sequence[order[1:]] == sequence[order[:-1]]) & (
        sequences.rows[order[1:]] == sequences.rows[order[:-1]]
    )
    return again
