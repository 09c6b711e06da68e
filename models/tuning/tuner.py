"""Trains with other settings, again and again (`tuner_fn`)."""

import hashlib
import json
import os
import time
import typing
from collections.abc import Callable, Mapping

import keras_tuner
import tensorflow as tf
from keras_tuner import oracles
from keras_tuner.engine import base_tuner
from keras_tuner.engine.trial import TrialStatus
from tfx.v1.components import TunerFnResult

from models.settings import ModelSettings, TrainingSettings
from models.text.fine_tuning.settings import FineTuningSettings
from models.training import trainer
from models.tuning import space
from models.tuning.settings import OBJECTIVES, TuningSettings
from schema.errors import DataError
from schema.settings import SettingsError

# Values of the space → the objective.
Measure = Callable[[Mapping[str, space.Value], str], float]


class _Bayesian(oracles.BayesianOptimizationOracle):
    """Tries `first` before all others."""

    first: Mapping[str, space.Value] = {}

    def populate_space(self, trial_id):
        if not self.start_order:
            return _chosen(self.first)
        return super().populate_space(trial_id)


class _Random(oracles.RandomSearchOracle):
    """Tries `first` before all others."""

    first: Mapping[str, space.Value] = {}

    def populate_space(self, trial_id):
        if not self.start_order:
            return _chosen(self.first)
        return super().populate_space(trial_id)


def _chosen(values):
    return {"status": TrialStatus.RUNNING, "values": dict(values)}


_ORACLES = {"bayesian": _Bayesian, "random": _Random}


class SettingsTuner(base_tuner.BaseTuner):
    """Has a measure tried where its oracle wants it to be.

    KerasTuner's own tuners take models of Keras 3 only; this one asks for a
    figure, wherever that comes from. What was tried lies in a folder, and a
    search that was stopped goes on from there.
    """

    def __init__(
        self, oracle, measure: Measure, *, max_seconds: float, **where: str
    ):
        """Takes an oracle of KerasTuner.

        Args:
          oracle: Chooses what is tried.
          measure: Takes values and a folder, and returns the figure.
          max_seconds: After which no other trial begins; 0 for no limit.
          **where: `directory` and `project_name`.
        """
        self._measure = measure
        self._deadline = time.monotonic() + (max_seconds or float("inf"))
        super().__init__(oracle=oracle, **where)

    def run_trial(self, trial, *args, **kwargs):
        """Measures the values of a trial."""
        folder = self.get_trial_dir(trial.trial_id)
        figure = self._measure(trial.hyperparameters.values, folder)
        return {self.oracle.objective.name: figure}

    def on_trial_end(self, trial):
        """Ends the search when time is over."""
        super().on_trial_end(trial)
        if time.monotonic() > self._deadline:
            self.oracle.max_trials = len(self.oracle.start_order)

    def completed(self) -> list:
        """Returns the trials that gave a figure, the best first."""
        return [
            trial
            for trial in self.oracle.get_best_trials(len(self.oracle.trials))
            if trial.status == TrialStatus.COMPLETED
        ]

    def on_search_end(self):
        """Says so where there is nothing to choose from.

        Raises:
          DataError: No trial gave a figure.
        """
        super().on_search_end()
        if not self.completed():
            trials = list(self.oracle.trials.values())
            told = (trials[-1].message or "").strip().splitlines() or [""]
            raise DataError(
                f"none of {len(trials)} trainings came to its end; the last "
                f"said: {told[-1]}"
            )


def search(
    settings: TuningSettings,
    measure: Measure,
    first: Mapping[str, space.Value],
    **where: str,
) -> SettingsTuner:
    """Makes a tuner, with what it found in this folder before.

    Args:
      settings: What is tried.
      measure: See `SettingsTuner`.
      first: Values that are tried before all others; a name for each setting
        of the space, which they are added to.
      **where: `directory` of all searches, and `project_name` of this one:
        nothing that it depends on may differ.
    """
    hyperparameters = keras_tuner.HyperParameters()
    for dimension in space.parse(settings.space):
        _add(hyperparameters, dimension.including(first[dimension.name]))
    kind: typing.Any = _ORACLES[settings.strategy]
    oracle = kind(
        objective=keras_tuner.Objective(OBJECTIVES[settings.objective], "max"),
        max_trials=settings.trials,
        hyperparameters=hyperparameters,
        tune_new_entries=False,
        allow_new_entries=False,
        seed=settings.seed,
    )
    oracle.first = {name: first[name] for name in hyperparameters.values}
    return SettingsTuner(
        oracle, measure, max_seconds=settings.max_seconds, **where
    )


def _add(hyperparameters, dimension: space.Dimension) -> None:
    if dimension.choices:
        choices = list(dimension.choices)
        hyperparameters.Choice(dimension.name, choices, ordered=False)
        return
    kind = hyperparameters.Int if dimension.whole else hyperparameters.Float
    kind(
        dimension.name,
        dimension.low,
        dimension.high,
        sampling="log" if dimension.log else "linear",
    )


def tuner_fn(fn_args) -> TunerFnResult:
    """Tunes as TFX's Tuner asks.

    Args:
      fn_args: As for `models.training.trainer.run_fn`; `custom_config` has
        `tuning_settings` (JSON) and `tuning_dir` as well.
    """
    config = fn_args.custom_config
    settings = TuningSettings.from_json(config["tuning_settings"])
    sources = trainer.sources_of(fn_args)
    model = ModelSettings.from_json(config["model_settings"])
    training = TrainingSettings.from_json(config["training_settings"])

    def measure(values, folder) -> float:
        tried = space.apply(values, model, training)
        tf.keras.backend.clear_session()
        history = trainer.fit(
            sources,
            os.path.join(folder, "run"),
            *tried,
            FineTuningSettings(),
            ranking=settings.objective == "ranking",
        ).history
        metric = OBJECTIVES[settings.objective]
        rows = history[settings.objective]
        reached = [row[metric] for row in rows if metric in row]
        if not reached:
            raise SettingsError(
                f"TrainingSettings.max_epochs is {tried[1].max_epochs}; "
                "allowed: at least validate_every, "
                f"{tried[1].validate_every}, or nothing is compared"
            )
        return max(reached)

    same = {
        "sources": vars(sources),
        "model": config["model_settings"],
        "training": config["training_settings"],
        "code": config["code_digest"],
        # More of the same trials are the same search.
        "tried": [settings.space, settings.objective, settings.strategy],
    }
    name = hashlib.sha256(json.dumps(same, sort_keys=True).encode())
    first = space.current(settings.space, model, training)
    return TunerFnResult(
        tuner=search(
            settings,
            measure,
            first,
            directory=config["tuning_dir"],
            project_name=name.hexdigest()[:16],
        ),
        fit_kwargs={},
    )
