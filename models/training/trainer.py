"""Trains the model on transformed examples and exports it (`run_fn`)."""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf

from models import inputs
from models.cooccurrence.fitting import fit_neighbours
from models.item_table import (
    IDS_FILE,
    ItemTable,
    align,
    read_item_texts,
    read_items,
    read_text_vectors,
)
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.text.encoder_pair import EncoderPair
from models.text.fine_tuning.settings import FROZEN, FineTuningSettings
from models.text.fine_tuning.tuning import FineTuning
from models.text.hub import TextEncoder
from models.training import (
    checkpoints,
    data,
    fitting,
    strategies,
    warm_start,
)
from models.training.catching_up import TowerStep, catch_up
from models.training.checkpoints import Checkpoints
from models.training.data import Sources, sources_of
from models.training.gathering import (
    check_alone,
    on_one_device,
    shared,
    widened,
)
from models.training.learned_users import Choices
from models.training.live_text import LiveText
from models.training.update_settings import UpdateSettings
from models.training.warm_start import WarmStart
from models.tuning import space
from schema.errors import DataError
from schema.settings import SettingsError

_SHUFFLED = 50_000
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
        if fine_tuning.mode != FROZEN:
            raise SettingsError(
                f"FineTuningSettings.mode is {fine_tuning.mode!r} and training "
                "goes on with the last version; allowed: one of them, because "
                "the last version's encoder is another one"
            )
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
                    made_by=checkpoints.made_by(sources, settings, training),
                    writes=strategies.is_chief(strategy),
                ),
                ranking=ranking,
                warm=warm,
            )
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


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
    keys, vectors, about = read_text_vectors(sources.text_vectors, "item_id")
    if warm:
        warm.check(settings, about)
    columns = read_items(data.split_files(sources.items, "all"))

    def item_table(scope=None, least=0):
        return ItemTable(
            columns,
            widened(align(columns["item_id"], keys, vectors), least),
            os.path.join(run_dir, IDS_FILE),
            scope,
        )

    alone = strategies.is_single(strategy)
    items = item_table(strategies.scope(strategy), 0 if alone else 1)
    queries, query_vectors, _ = read_text_vectors(sources.text_vectors, "query")
    query_lookup = data.query_lookup(queries)
    files = data.split_files(sources.examples, "sequence_train")
    sequences = data.sequences(
        files,
        settings.head_names,
        lambda batch: inputs.sequence_inputs(
            batch,
            settings,
            items.lookup,
            query_lookup,
            validation_share=training.validation_share,
            validation_steps=training.validation_steps,
        ),
    ).cache()
    counts, newest, first_seen = data.targets(sequences, items.num_items)
    choices = Choices.of(sequences, data.records(files))
    parted = 0
    if warm:
        parted = warm.learned_until
    elif ranking:
        parted = data.parting_time(sequences, training.ranking_share)
    early = data.before(sequences, parted)
    items.set_choices(
        data.targets(early, items.num_items)[0] if parted else counts
    )

    def recommender(items, settings):
        return Recommender(
            settings,
            training,
            items,
            counts=counts,
            newest=newest,
            available_from=data.available_from(
                settings, items.listed_at, first_seen, counts
            ),
            sizes=data.vocabulary_sizes(sources),
            query_vectors=widened(
                np.pad(query_vectors, [(1, 0), (0, 0)]), items.text_dimension
            ),
        )

    with strategies.scope(strategy):
        model = recommender(items, settings if alone else shared(settings))
    live_text = None
    if fine_tuning.mode != FROZEN:
        live_text = LiveText(
            model,
            FineTuning(_trainable(about, sources), fine_tuning, training.seed),
            fine_tuning,
            items=read_item_texts(sources.text_vectors, items.ids),
            queries=queries,
        )
    impressions = data.records(data.split_files(sources.examples, "train"))

    def ranking_inputs(batch):
        return inputs.ranking_inputs(
            batch, settings, items.lookup, query_lookup
        )

    some_impressions = _prepared(impressions.batch(1), settings, ranking_inputs)
    step, towers, late = None, [], sequences
    if warm:
        warm.restore(
            model,
            sequences.batch(1),
            some_impressions if ranking else None,
            warm_start.vocabularies(sources),
        )
        impressions = warm.impressions(impressions, training.seed)
        late = warm.worth_learning(sequences, choices, training.seed)
    else:
        towers = fitting.fit_retrieval(
            model, early, training, run_dir, live_text, checkpoints=checkpoints
        )
        # With a text encoder in training the step was another one.
        step = None if live_text else TowerStep.of(model)
    history = {"retrieval": towers}
    if ranking:
        model.learned_until = parted
        history["ranking"] = _fit_ranking(
            model,
            impressions,
            ranking_inputs,
            training,
            run_dir,
            checkpoints=checkpoints,
            warm=warm is not None,
        )
    if parted:
        items.set_choices(counts)
        towers += catch_up(
            model,
            late,
            training,
            run_dir,
            first=len(towers),
            step=step,
            checkpoints=checkpoints,
        )
    if not alone:
        model = on_one_device(
            model,
            recommender(item_table(), settings),
            counts,
            sequences.batch(1),
            some_impressions if history.get("ranking") else None,
        )
    history["neighbours"] = fit_neighbours(model, sequences, training)
    if warm:
        history["update"] = [warm.told]
    return Fitted(
        model=model,
        history=history,
        encoder=_encoder_of(live_text, about, run_dir),
        choices=choices,
        about_text=about,
        is_chief=strategies.is_chief(strategy),
    )


def _encoder_of(live_text, about, run_dir):
    """Returns the text encoder, and writes it where it was trained."""
    if live_text is None:
        return _text_encoder(about)
    live_text.tuning.export(pathlib.Path(run_dir, ENCODER_FOLDER))
    return live_text.tuning.encoder


def _prepared(batches, settings, prepare):
    parse = data.parse(settings.head_names)
    return batches.map(parse, num_parallel_calls=2).map(
        prepare, num_parallel_calls=2
    )


def _fit_ranking(
    model, impressions, prepare, training, run_dir, *, checkpoints, warm
):
    heads = model.settings.head_names
    known = {
        "user_id": tf.io.FixedLenFeature([], tf.string),
        "timestamp": tf.io.FixedLenFeature([], tf.int64),
    }

    def chosen(example):
        user_id = tf.io.parse_single_example(example, known)["user_id"]
        return inputs.held_out_users(user_id, training.validation_share)

    def later(example):
        time = tf.io.parse_single_example(example, known)["timestamp"]
        return time >= model.learned_until

    def prepared(batches):
        return _prepared(batches, model.settings, prepare)

    examples = impressions.filter(lambda example: ~chosen(example))
    count, rates = data.mean_labels(examples, heads)
    if not count:
        return []
    if not warm:
        model.ranking.start_at(rates)
    batch = strategies.whole_batch(
        training.ranking_batch,
        count,
        model.distribute_strategy,
        "ranking_batch",
    )
    shuffled = examples.repeat().shuffle(
        min(count, _SHUFFLED), seed=training.seed
    )
    return fitting.fit_ranking(
        model,
        shuffled.batch(batch, drop_remainder=True),
        prepared(
            impressions.filter(chosen)
            .filter(later)
            .batch(training.ranking_batch)
        ),
        prepare=prepared,
        steps=max(1, count // batch),
        settings=training,
        log_dir=run_dir,
        checkpoints=checkpoints,
    )


def _text_encoder(encoder):
    """Loads what made the text vectors: one encoder, or one for each role."""
    if not (encoder["dimension"] and encoder["encoder"]):
        return None
    items = _load_encoder(encoder)
    if "query" not in encoder:
        return items
    return EncoderPair(items, _load_encoder(encoder["query"]))


def _trainable(about, sources):
    encoder = _text_encoder(about)
    if encoder is None:
        raise DataError(
            f"{sources.text_vectors} has no text vectors, so there is no text "
            "encoder to fine-tune; allowed: the mode frozen"
        )
    return encoder


def _load_encoder(named):
    return TextEncoder.load(
        named["preprocess"],
        named["encoder"],
        seq_length=named.get("seq_length", 0),
        pooling=named.get("pooling", ""),
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
