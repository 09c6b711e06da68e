"""Recency, recency and frequency, LightGBM; in an environment of their own.

Called with a folder: `problem.npz` holds `fit_x` [n, features], `fit_y` [n],
`fold` [n] (users are held out by it, all rows of one alike) and `asked_x`;
`problem.json` names the columns. It leaves `predictions.npz` and `about.json`.
Each peer's settings are chosen by log loss on the held-out users, and it then
learns from all of them.
"""

import importlib.metadata
import itertools
import json
import pathlib
import sys
import time
import typing

import lightgbm
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_LEAVES = (3, 7, 15, 31)
_FEWEST = (20, 50, 100)
_RATES = (0.03, 0.1)
_MOST_ROUNDS = 1000
_PATIENCE = 50
_COSTS = (0.001, 0.01, 0.1, 1.0, 10.0)
_RECENCY = ("recency_days",)
_FREQUENCY = (*_RECENCY, "visits", "active_days", "visits_a_week")


def main(folder: pathlib.Path) -> None:
    """Fits all of them."""
    problem = dict(np.load(folder / "problem.npz"))
    about = json.loads((folder / "problem.json").read_text())
    told: dict[str, typing.Any] = {"chosen": {}, "seconds": {}}
    predictions = {}
    for name, learn in (
        ("recency", lambda: logistic(problem, about, _RECENCY)),
        ("recency-frequency", lambda: logistic(problem, about, _FREQUENCY)),
        ("LightGBM", lambda: boosted(problem, about)),
    ):
        begun = time.monotonic()
        predictions[name], told["chosen"][name] = learn()
        told["seconds"][name] = round(time.monotonic() - begun, 1)
    told["versions"] = {
        name: importlib.metadata.version(name)
        for name in ("lightgbm", "scikit-learn")
    }
    np.savez(folder / "predictions.npz", **predictions)
    (folder / "about.json").write_text(json.dumps(told))


def _folds(problem):
    for fold in np.unique(problem["fold"]):
        yield problem["fold"] != fold, problem["fold"] == fold


def logistic(problem: dict, about: dict, names: tuple) -> tuple:
    """Logistic regression on logarithms of a few columns."""
    places = [about["columns"].index(name) for name in names]
    x, asked = (
        np.log1p(problem[part][:, places]) for part in ("fit_x", "asked_x")
    )
    y = problem["fit_y"]

    def fitted(cost, rows):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=cost))
        return model.fit(x[rows], y[rows])

    tried = []
    for cost in _COSTS:
        chances = np.empty(len(y))
        for rows, held_out in _folds(problem):
            chances[held_out] = fitted(cost, rows).predict_proba(x[held_out])[
                :, 1
            ]
        tried.append((log_loss(y, chances), cost))
    _, cost = min(tried)
    model = fitted(cost, np.ones(len(y), bool))
    return model.predict_proba(asked)[:, 1], cost


def boosted(problem: dict, about: dict) -> tuple:
    """Trees; leaves, rows a leaf and rate by a grid, rounds by stopping."""
    categorical = [
        place
        for place, name in enumerate(about["columns"])
        if name in about["names"]
    ]
    x, y = problem["fit_x"], problem["fit_y"]

    def data(rows, **more):
        return lightgbm.Dataset(
            x[rows],
            y[rows],
            categorical_feature=categorical,
            free_raw_data=False,
            **more,
        )

    tried = []
    for leaves, fewest, rate in itertools.product(_LEAVES, _FEWEST, _RATES):
        parameters = {
            "objective": "binary",
            "num_leaves": leaves,
            "min_data_in_leaf": fewest,
            "learning_rate": rate,
            "feature_fraction": 0.8,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "feature_pre_filter": False,
            "num_threads": 1,
            "verbosity": -1,
            "seed": 1,
        }
        chances, rounds = np.empty(len(y)), []
        for rows, held_out in _folds(problem):
            fit = data(rows)
            model = lightgbm.train(
                parameters,
                fit,
                _MOST_ROUNDS,
                [data(held_out, reference=fit)],
                callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
            )
            chances[held_out] = model.predict(x[held_out])
            rounds.append(model.best_iteration)
        tried.append((log_loss(y, chances), round(np.mean(rounds)), parameters))
    _, rounds, parameters = min(tried, key=lambda one: one[0])
    model = lightgbm.train(parameters, data(np.ones(len(y), bool)), rounds)
    chosen = [
        parameters[name]
        for name in ("num_leaves", "min_data_in_leaf", "learning_rate")
    ]
    return model.predict(problem["asked_x"]), [*chosen, rounds]


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
