import dataclasses

import numpy as np

from components.retrieval_evaluator.evaluation import evaluate, scores_of
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from components.retrieval_evaluator.tuning import _hold_out, tune_baselines
from models.cooccurrence.sequences import ItemSequences

SETTINGS = RetrievalEvaluationSettings(positive_event_types=("click",))


def chains(num_users=300, length=12, num_items=400, seed=0):
    """Users who walk up the catalogue, so that only the last steps matter."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, num_items, num_users)
    jumps = np.cumsum(rng.integers(1, 4, (num_users, length)), axis=1)
    rows = (start[:, None] + jumps) % num_items
    times = np.sort(rng.integers(0, 10**7, (num_users, length)), axis=1)
    return ItemSequences.from_lists(rows.tolist(), times.tolist())


def test_held_out_steps_are_the_latest_and_never_fitted():
    train = chains()
    fit_part, queries = _hold_out(train, SETTINGS)
    cut = np.quantile(train.timestamps, 0.9)
    assert fit_part.timestamps.max() <= cut
    assert len(queries.targets) == (train.timestamps > cut).sum()
    # Histories of held-out steps may hold held-out steps before them.
    assert queries.histories.timestamps.max() > cut


def test_seen_targets_are_not_asked_where_seen_items_are_excluded():
    train = ItemSequences.from_lists([[0, 1, 0, 2]] * 10, [[0, 1, 95, 96]] * 10)
    settings = dataclasses.replace(
        SETTINGS, exclude_seen=True, validation_share=0.5
    )
    _, queries = _hold_out(train, settings)
    assert set(queries.targets.tolist()) == {2}


def test_the_choice_is_the_best_that_was_tried():
    tuned = tune_baselines(chains(), 400, SETTINGS)
    trials = [
        trial
        for trial in tuned.choices["trials"]
        if trial["method"] == "item_knn"
    ]
    best = max(trials, key=lambda trial: trial["value"])
    chosen = tuned.choices["item_knn"]
    assert all(best[name] == value for name, value in chosen.items())
    # These users never go back and only their latest steps tell anything.
    assert chosen["repeat"] == 0.0
    assert 0 < chosen["half_life_steps"] <= 5.0


def test_item_knn_beats_popularity_where_users_differ():
    train = chains()
    tuned = tune_baselines(train, 400, SETTINGS)
    _, queries = _hold_out(chains(seed=1), SETTINGS)
    recall = {
        name: evaluate(
            scores_of(method, queries), queries, 400, SETTINGS
        ).overall()["recall@10"]
        for name, method in (
            ("popularity", tuned.popularity),
            ("item_knn", tuned.item_knn),
        )
    }
    assert recall["item_knn"] > 5 * recall["popularity"]


def test_repeat_is_chosen_where_users_come_back():
    rng = np.random.default_rng(0)
    own = rng.integers(0, 500, (200, 3))
    rows = own[np.arange(200)[:, None], rng.integers(0, 3, (200, 15))]
    times = np.sort(rng.integers(0, 10**6, (200, 15)), axis=1)
    train = ItemSequences.from_lists(rows.tolist(), times.tolist())
    tuned = tune_baselines(train, 500, SETTINGS)
    assert tuned.choices["item_knn"]["repeat"] > 0


def test_too_little_to_choose_by_takes_the_defaults():
    tuned = tune_baselines(
        ItemSequences.from_lists([[0, 1]], [[1, 2]]), 3, SETTINGS
    )
    assert tuned.choices["validation_queries"] == 1
    assert tuned.choices["trials"] == []
    assert tuned.popularity.counts.tolist() == [1, 1, 0]
