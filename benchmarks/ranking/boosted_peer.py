"""LightGBM and logistic regression; in an environment of its own.

Called with a folder: `problem.npz` holds tables of `fit` (learned from),
`choose` (settings and rounds are chosen on) and `asked` (predicted), as
`<table>_x` [n, features], `<table>_y` [n, heads] and `<table>_w` [n];
`problem.json` names the columns, and may say how many `threads` trees are
grown by. It leaves `predictions.npz` and `about.json`.
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
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

_LEAVES = (7, 15, 31, 63)
_FEWEST = (20, 100)
_RATES = (0.03, 0.1)
_MOST_ROUNDS = 2000
_PATIENCE = 50
_COSTS = (0.001, 0.01, 0.1, 1.0)
_RARE = 20


def main(folder: pathlib.Path) -> None:
    """Fits both, a model for each head."""
    problem = dict(np.load(folder / "problem.npz"))
    about = json.loads((folder / "problem.json").read_text())
    predictions: dict[str, typing.Any] = {}
    told: dict[str, typing.Any] = {"heads": {}}
    for learn in (boosted, logistic):
        begun = time.monotonic()
        found, chosen = zip(
            *(
                learn(problem, about, head)
                for head in range(problem["fit_y"].shape[1])
            ),
            strict=True,
        )
        predictions[learn.__name__] = np.stack(found, 1)
        told["heads"][learn.__name__] = chosen
        told[f"{learn.__name__}_seconds"] = round(time.monotonic() - begun, 1)
    told["versions"] = {
        name: importlib.metadata.version(name)
        for name in ("lightgbm", "scikit-learn")
    }
    np.savez(folder / "predictions.npz", **predictions)
    (folder / "about.json").write_text(json.dumps(told))


def boosted(problem: dict, about: dict, head: int) -> tuple:
    """Trees; leaves, rows a leaf and rate by a grid, rounds by stopping."""
    categorical = [
        place
        for place, name in enumerate(about["columns"])
        if name in about["categories"]
    ]

    def data(table, **more):
        return lightgbm.Dataset(
            problem[f"{table}_x"],
            problem[f"{table}_y"][:, head],
            weight=problem[f"{table}_w"],
            categorical_feature=categorical,
            free_raw_data=False,
            **more,
        )

    fit = data("fit")
    choose = data("choose", reference=fit)
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
            "num_threads": about.get("threads", 0),
            "verbosity": -1,
            "seed": 1,
        }
        model = lightgbm.train(
            parameters,
            fit,
            _MOST_ROUNDS,
            [choose],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )
        loss = model.best_score["valid_0"]["binary_logloss"]
        chosen = leaves, fewest, rate, model.best_iteration
        tried.append((loss, model, chosen))
    _, model, chosen = min(tried, key=lambda one: one[0])
    return model.predict(problem["asked_x"]), chosen


def logistic(problem: dict, about: dict, head: int) -> tuple:
    """Logistic regression on scaled numbers and names as switches."""
    names = [
        place
        for place, name in enumerate(about["columns"])
        if name in about["categories"]
    ]
    numbers = sorted(set(range(len(about["columns"]))) - set(names))
    tried = []
    for cost in _COSTS:
        model = make_pipeline(
            ColumnTransformer(
                [
                    (
                        "numbers",
                        make_pipeline(
                            SimpleImputer(
                                add_indicator=True, keep_empty_features=True
                            ),
                            StandardScaler(),
                        ),
                        numbers,
                    ),
                    (
                        "names",
                        OneHotEncoder(
                            min_frequency=_RARE,
                            handle_unknown="infrequent_if_exist",
                        ),
                        names,
                    ),
                ]
            ),
            LogisticRegression(C=cost, max_iter=500),
        )
        model.fit(
            problem["fit_x"],
            problem["fit_y"][:, head],
            logisticregression__sample_weight=problem["fit_w"],
        )
        loss = log_loss(
            problem["choose_y"][:, head],
            model.predict_proba(problem["choose_x"])[:, 1],
            sample_weight=problem["choose_w"],
            labels=[0, 1],
        )
        tried.append((loss, model, cost))
    _, model, cost = min(tried, key=lambda one: one[0])
    return model.predict_proba(problem["asked_x"])[:, 1], cost


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
