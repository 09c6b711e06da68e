"""Trains the model on transformed examples and exports it (`run_fn`)."""

import dataclasses
import os
import pathlib

import tensorflow as tf

from models.cooccurrence.fitting import fit_neighbours
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.text.fine_tuning.settings import FROZEN, FineTuningSettings
from models.training import checkpoints, data, fitting, strategies, warm_start
from models.training.catching_up import TowerStep, catch_up
from models.training.checkpoints import Checkpoints
from models.training.data import Sources, sources_of
from models.training.encoders import text_encoder
from models.training.gathering import (
    check_alone,
    on_one_device,
    shared,
)
from models.training.heads import fit_heads
from models.training.learned_users import Choices
from models.training.material import Material
from models.training.update_settings import UpdateSettings
from models.training.warm_start import WarmStart
from models.tuning import space

# In the run's folder: the text encoder, where it was trained.
ENCODER_FOLDER = "text_encoder"


def train(
    sources: Sources,
    model_dir: str,
    run_dir: str,
    settings: ModelSettings,
    training: TrainingSettings,
    *,
    fine_tuning: FineTuningSettings | None = None,
    warm: WarmStart | None = None,
) -> dict[str, list[dict]]:
    """Trains towers and ranking heads, and writes the SavedModel.

    The towers learn from all but the latest targets first; then the heads
    learn to rank with them; then the towers catch up. A warm start begins
    with the last version in the place of the first step.

    Args:
      sources: What to train on.
      model_dir: Where the SavedModel goes.
      run_dir: Where `history.json` and TensorBoard logs go, the text
        encoder, where it was trained, as `text_encoder`, and `warm_start`,
        with which the next training can go on.
      settings: What the model is.
      training: How it is trained.
      fine_tuning: What of the text encoder is trained; nothing by default.
      warm: The last version, to go on with; None trains anew.

    Returns:
      What `history.json` has: a row an epoch of `retrieval`, of `ranking`.

    Raises:
      DataError: There are no items, no sequences to train on, nothing to
        fine-tune, or the last version cannot be gone on with.
      SettingsError: The text encoder cannot be trained so.
    """
    fine_tuning = fine_tuning or FineTuningSettings()
    fitted = fit(sources, run_dir, settings, training, fine_tuning, warm=warm)
    if not fitted.is_chief:
        return fitted.history
    # Where TFX is not, `fit` still trains.
    import tensorflow_transform as tft

    from models import export

    export.save(
        export.TrainedModel(
            fitted.model,
            tft.TFTransformOutput(sources.transform_graph),
            tft.TFTransformOutput(sources.item_transform_graph),
            fitted.encoder,
        ),
        model_dir,
    )
    warm_start.leave(
        fitted.model, sources, fitted.choices, fitted.about_text, run_dir
    )
    fitting.write_history(os.path.join(run_dir, "history.json"), fitted.history)
    checkpoints.remove(os.path.join(run_dir, checkpoints.FOLDER))
    return fitted.history


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """What training made.

    Attributes:
      model: With its items frozen.
      history: A row an epoch of `retrieval`, of `ranking`; and `neighbours`.
      encoder: Of texts; None where there are none.
      choices: What it was trained on.
      about_text: What `encoder.json` says of the text vectors.
      is_chief: Whether this is the worker that writes what was made.
    """

    model: Recommender
    history: dict[str, list[dict]]
    encoder: tf.Module | None
    choices: Choices
    about_text: dict
    is_chief: bool = True


def fit(
    sources: Sources,
    run_dir: str,
    settings: ModelSettings,
    training: TrainingSettings,
    fine_tuning: FineTuningSettings,
    *,
    ranking: bool = True,
    warm: WarmStart | None = None,
) -> Fitted:
    """Trains, and writes nothing but logs and the text encoder.

    Args:
      sources: As for `train`.
      run_dir: As for `train`.
      settings: As for `train`.
      training: As for `train`.
      fine_tuning: As for `train`.
      ranking: Whether the ranking heads are trained.
      warm: As for `train`.

    Raises:
      DataError: As `train`.
      SettingsError: As `train`.
    """
    if fine_tuning.mode != FROZEN:
        check_alone(training, fine_tuning)
    if warm is not None:
        warm_start.check_frozen(fine_tuning)
        training = warm.settings.of(training)
    # Before anything else of TensorFlow, as several workers want it.
    strategy = strategies.of(training)
    tf.keras.utils.set_random_seed(training.seed)
    tf.io.gfile.makedirs(run_dir)
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(training.precision)
    try:
        with strategies.logs_of(strategy, run_dir) as log_dir:
            return _fit(
                sources,
                log_dir,
                settings,
                training,
                fine_tuning,
                strategy=strategy,
                checkpoints=Checkpoints(
                    folder=os.path.join(run_dir, checkpoints.FOLDER),
                    every=training.checkpoint_every,
                    made_by=_made_by(sources, settings, training, strategy),
                    writes=strategies.is_chief(strategy),
                ),
                ranking=ranking,
                warm=warm,
            )
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def _made_by(sources, settings, training, strategy):
    """Says what a checkpoint's place in the input depends on."""
    told = checkpoints.made_by(sources, settings, training)
    if training.own_files:
        _, workers = strategies.worker_of(strategy)
        told += f" of {workers} workers"
    return told


def _fit(
    sources,
    run_dir,
    settings,
    training,
    fine_tuning,
    *,
    strategy,
    checkpoints,
    ranking,
    warm,
) -> Fitted:
    material = Material(sources, run_dir, settings, training)
    if warm:
        warm.check(settings, material.about_text)
    alone = strategies.is_single(strategy)
    items = material.item_table(strategies.scope(strategy), 0 if alone else 1)
    material.take(items, *strategies.worker_of(strategy))
    sequences, own = material.sequences, material.own_sequences
    parted = 0
    if warm:
        parted = warm.learned_until
    elif ranking:
        parted = data.parting_time(sequences, training.ranking_share)
    early = data.before(sequences, parted)
    material.set_choices(early if parted else None)
    with strategies.scope(strategy):
        model = material.recommender(
            items, settings if alone else shared(settings)
        )
    live_text = None
    if fine_tuning.mode != FROZEN:
        live_text = material.live_text(model, fine_tuning)
    impressions = material.impressions
    step, towers, late = None, [], sequences
    if warm:
        warm.restore(
            model,
            sequences.batch(1),
            material.some_ranking() if ranking else None,
            warm_start.vocabularies(sources),
        )
        impressions = warm.impressions(impressions, training.seed)
        late = warm.worth_learning(sequences, material.choices, training.seed)
    else:
        towers = fitting.fit_retrieval(
            model,
            early,
            training,
            run_dir,
            live_text,
            checkpoints=checkpoints,
            own=data.before(own, parted) if own else None,
        )
        # With a text encoder in training the step was another one.
        step = None if live_text else TowerStep.of(model)
    history = {"retrieval": towers}
    if ranking:
        model.learned_until = parted
        history["ranking"] = fit_heads(
            model,
            impressions,
            material.ranking_inputs,
            training,
            run_dir,
            checkpoints=checkpoints,
            begun=warm is not None,
            own=material.own_impressions,
        )
    if parted:
        material.set_choices()
        towers += catch_up(
            model,
            late,
            training,
            run_dir,
            first=len(towers),
            step=step,
            checkpoints=checkpoints,
            own=own,
        )
    if not alone:
        model = on_one_device(
            model,
            material.recommender(material.item_table(), settings),
            material.counts,
            sequences.batch(1),
            material.some_ranking() if history.get("ranking") else None,
        )
    history["neighbours"] = fit_neighbours(model, sequences, training)
    if warm:
        history["update"] = [warm.told]
    if live_text is None:
        encoder = text_encoder(material.about_text)
    else:
        live_text.tuning.export(pathlib.Path(run_dir, ENCODER_FOLDER))
        encoder = live_text.tuning.encoder
    return Fitted(
        model=model,
        history=history,
        encoder=encoder,
        choices=material.choices,
        about_text=material.about_text,
        is_chief=strategies.is_chief(strategy),
    )


def run_fn(fn_args) -> None:
    """Trains as TFX's Trainer asks (`run_fn`).

    Args:
      fn_args: As for `sources_of`; its `custom_config` has `model_settings`,
        `training_settings` and, unless the text encoder stays as it is,
        `fine_tuning_settings` (JSON). `hyperparameters`, where a Tuner found
        some, stand in for those settings. Where it has `warm_start`, the
        folder of the last version's `model_run`, training goes on with that
        one, as `update_settings` (JSON) says.
    """
    config = fn_args.custom_config
    warm = None
    if config.get("warm_start"):
        update = UpdateSettings.from_json(config.get("update_settings", "{}"))
        warm = WarmStart(config["warm_start"], update)
    settings, training = space.apply(
        (fn_args.hyperparameters or {}).get("values", {}),
        ModelSettings.from_json(config["model_settings"]),
        TrainingSettings.from_json(config["training_settings"]),
    )
    train(
        sources_of(fn_args),
        fn_args.serving_model_dir,
        fn_args.model_run_dir,
        settings,
        training,
        fine_tuning=FineTuningSettings.from_json(
            config.get("fine_tuning_settings", "{}")
        ),
        warm=warm,
    )
