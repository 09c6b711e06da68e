"""The search: the preset first, what is best at the end, on after a stop."""

import json

import pytest
import tensorflow as tf
from tfx import v1 as tfx
from tfx.dsl.components.base import base_executor
from tfx.types import standard_artifacts

from components.artifacts import TextVectors
from components.trainer.component import RecommenderTrainerExecutor
from components.tuner.component import RecommenderTunerExecutor
from models.settings import TrainingSettings
from models.tuning import tuner
from models.tuning.settings import TuningSettings
from schema.errors import DataError
from tests.models.conftest import MODEL
from tests.slow import slow

SPACE = ("training.clip_norm=1.0..9.0", "model.dropout=0.1|0.2|0.3")
FIRST = {"training.clip_norm": 2.0, "model.dropout": 0.5}


class Hill:
    """Best where clip_norm is 6; counts what it was asked."""

    def __init__(self, stop_at=99, fail_at=()):
        self.tried, self.stop_at, self.fail_at = [], stop_at, fail_at

    def __call__(self, values, folder):
        if len(self.tried) == self.stop_at:
            raise KeyboardInterrupt
        self.tried.append(dict(values))
        if len(self.tried) in self.fail_at:
            raise ValueError("no such model")
        return -((values["training.clip_norm"] - 6) ** 2)


def searched(folder, hill, project="one", **changes):
    settings = TuningSettings(**{"trials": 12, "space": SPACE} | changes)
    found = tuner.search(
        settings, hill, FIRST, directory=str(folder), project_name=project
    )
    found.search()
    return found


@pytest.mark.parametrize("strategy", ["bayesian", "random"])
def test_the_settings_as_they_are_come_first_and_the_best_is_kept(
    tmp_path, strategy
):
    hill = Hill()
    found = searched(tmp_path, hill, strategy=strategy)
    assert hill.tried[0] == FIRST
    assert len(hill.tried) == 12
    assert {values["model.dropout"] for values in hill.tried} <= {
        0.1,
        0.2,
        0.3,
        0.5,
    }
    best = found.get_best_hyperparameters()[0].values
    assert best == min(
        hill.tried, key=lambda values: abs(values["training.clip_norm"] - 6)
    )
    assert abs(best["training.clip_norm"] - 6) < 2


def test_a_search_that_was_stopped_goes_on(tmp_path):
    whole = Hill()
    searched(tmp_path, whole, "whole")
    begun = Hill(stop_at=5)
    with pytest.raises(KeyboardInterrupt):
        searched(tmp_path, begun, "parts")
    rest = Hill()
    found = searched(tmp_path, rest, "parts")
    assert len(begun.tried) + len(rest.tried) == 12
    assert len(found.completed()) == 12
    # More trials of the same search are added to it.
    more = Hill()
    searched(tmp_path, more, "parts", trials=15)
    assert len(more.tried) == 3


def test_what_fails_is_not_the_best(tmp_path):
    hill = Hill(fail_at=(1, 4))
    found = searched(tmp_path, hill)
    trials = found.completed()
    assert len(trials) == 10
    assert trials[0].hyperparameters.values != FIRST


def test_nothing_to_choose_from_is_said(tmp_path):
    with pytest.raises(DataError, match=r"none of 2 .* ValueError: no such"):
        searched(tmp_path, Hill(fail_at=(1, 2)), trials=2)


def test_no_trial_begins_when_time_is_over(tmp_path):
    hill = Hill()
    found = searched(tmp_path, hill, max_seconds=1e-6)
    assert len(hill.tried) == 1
    assert found.get_best_hyperparameters()[0].values == FIRST


@slow
def test_the_trainer_gets_what_the_tuner_found(tiny_shop, tmp_path):
    """Through the executors of both nodes, on the smallest shop."""
    training = TrainingSettings(
        max_epochs=1,
        ranking_epochs=1,
        validate_every=1,
        sequence_batch=20,
        ranking_batch=64,
    )
    settings = TuningSettings(
        trials=2,
        strategy="random",
        space=("model.dimension=8", "training.max_epochs=2"),
        seed=1,
    )
    config = {
        "model_settings": MODEL.to_json(),
        "training_settings": training.to_json(),
        "tuning_settings": settings.to_json(),
        "tuning_dir": str(tmp_path / "tuning"),
        "code_digest": "1",
    }
    inputs = {
        "examples": _artifact(
            standard_artifacts.Examples, tiny_shop.examples, ["train"]
        ),
        "transform_graph": _artifact(
            standard_artifacts.TransformGraph, tiny_shop.transform_graph
        ),
        "item_transform_graph": _artifact(
            standard_artifacts.TransformGraph, tiny_shop.item_transform_graph
        ),
        "transformed_items": _artifact(
            standard_artifacts.Examples, tiny_shop.items, ["all"]
        ),
        "text_vectors": _artifact(TextVectors, tiny_shop.text_vectors),
    }
    best = _artifact(standard_artifacts.HyperParameters, tmp_path / "best")
    results = _artifact(standard_artifacts.TunerResults, tmp_path / "results")
    parameters = {
        "train_args": '{"splits": ["train"]}',
        "eval_args": '{"splits": ["train"]}',
        "custom_config": json.dumps(config),
    }
    context = base_executor.BaseExecutor.Context(
        tmp_dir=str(tmp_path / "tmp"), unique_id="1"
    )
    RecommenderTunerExecutor(context).Do(
        inputs,
        {"best_hyperparameters": best, "tuner_results": results},
        parameters | {"tuner_fn": "models.tuning.tuner.tuner_fn"},
    )
    trials = json.loads((tmp_path / "results/tuner_results.json").read_text())
    names = ("model.dimension", "training.max_epochs")
    tried = [tuple(trial[name] for name in names) for trial in trials]
    assert len(tried) == 2
    assert (MODEL.dimension, 1) in tried
    assert trials[0]["score"] >= trials[1]["score"] > 0
    # Whatever was best, the Trainer is made to take it.
    chosen = dict(zip(names, (8, 2), strict=True))
    (tmp_path / "best" / "best_hyperparameters.txt").write_text(
        json.dumps({"space": [], "values": chosen})
    )
    RecommenderTrainerExecutor().Do(
        inputs | {"hyperparameters": best},
        {
            "model": _artifact(standard_artifacts.Model, tmp_path / "model"),
            "model_run": _artifact(
                standard_artifacts.ModelRun, tmp_path / "run"
            ),
        },
        parameters | {"run_fn": "models.training.trainer.run_fn"},
    )
    model = tf.saved_model.load(str(tmp_path / "model" / "Format-Serving"))
    assert model.item_vectors().shape[1] == 8
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    # Those, and then the towers catch up.
    epochs = [row["epoch"] for row in history["retrieval"]]
    caught_up = json.loads(parameters["custom_config"])["training_settings"]
    late = TrainingSettings.from_json(caught_up).catch_up_epochs
    most = chosen["training.max_epochs"] + late
    assert chosen["training.max_epochs"] < len(epochs) <= most
    assert tfx.components.Tuner is not None


def _artifact(kind, uri, splits=()):
    made = kind()
    made.uri = str(uri)
    if splits:
        made.split_names = json.dumps(splits)
        made.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
        made.set_string_custom_property("file_format", "tfrecords_gzip")
    return [made]
