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
from models.training import checkpoints, data, fitting, strategies
from models.training.catching_up import TowerStep, catch_up
from models.training.checkpoints import Checkpoints
from models.training.data import Sources, sources_of
from models.training.gathering import (
    check_alone,
    on_one_device,
    shared,
    widened,
)
from models.training.live_text import LiveText
from models.tuning import space
from schema.errors import DataError

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
) -> dict[str, list[dict]]:
    """Trains towers and ranking heads, and writes the SavedModel.

    The towers learn from all but the latest targets first; then the heads
    learn to rank with them; then the towers catch up.

    Args:
      sources: What to train on.
      model_dir: Where the SavedModel goes.
      run_dir: Where `history.json` and TensorBoard logs go, and the text
        encoder, where it was trained, as `text_encoder`.
      settings: What the model is.
      training: How it is trained.
      fine_tuning: What of the text encoder is trained; nothing by default.

    Returns:
      What `history.json` has: a row an epoch of `retrieval`, of `ranking`.

    Raises:
      DataError: There are no items, no sequences to train on, or nothing to
        fine-tune.
      SettingsError: The text encoder cannot be trained so.
    """
    fine_tuning = fine_tuning or FineTuningSettings()
    fitted = fit(sources, run_dir, settings, training, fine_tuning)
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
      is_chief: Whether this is the worker that writes what was made.
    """

    model: Recommender
    history: dict[str, list[dict]]
    encoder: tf.Module | None
    is_chief: bool = True


def fit(
    sources: Sources,
    run_dir: str,
    settings: ModelSettings,
    training: TrainingSettings,
    fine_tuning: FineTuningSettings,
    *,
    ranking: bool = True,
) -> Fitted:
    """Trains, and writes nothing but logs and the text encoder.

    Args:
      sources: As for `train`.
      run_dir: As for `train`.
      settings: As for `train`.
      training: As for `train`.
      fine_tuning: As for `train`.
      ranking: Whether the ranking heads are trained.

    Raises:
      DataError: As `train`.
      SettingsError: As `train`.
    """
    if fine_tuning.mode != FROZEN:
        check_alone(training, fine_tuning)
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
) -> Fitted:
    keys, vectors, about = read_text_vectors(sources.text_vectors, "item_id")
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
    heads = settings.head_names
    sequences = data.sequences(
        data.split_files(sources.examples, "sequence_train"),
        heads,
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
    parted = 0
    if ranking:
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
    towers = fitting.fit_retrieval(
        model, early, training, run_dir, live_text, checkpoints=checkpoints
    )
    history = {"retrieval": towers}
    # With a text encoder in training the step was another one.
    step = None if live_text else TowerStep.of(model)
    examples = data.split_files(sources.examples, "train")

    def ranking_inputs(batch):
        return inputs.ranking_inputs(
            batch, settings, items.lookup, query_lookup
        )

    if ranking:
        model.learned_until = parted
        history["ranking"] = _fit_ranking(
            model,
            examples,
            ranking_inputs,
            training,
            run_dir,
            checkpoints=checkpoints,
        )
    if parted:
        items.set_choices(counts)
        towers += catch_up(
            model,
            sequences,
            training,
            run_dir,
            first=len(towers),
            step=step,
            checkpoints=checkpoints,
        )
    if not alone:
        with_heads = bool(history.get("ranking"))
        model = on_one_device(
            model,
            recommender(item_table(), settings),
            counts,
            sequences.batch(1),
            _prepared(data.records(examples).batch(1), settings, ranking_inputs)
            if with_heads
            else None,
        )
    history["neighbours"] = fit_neighbours(model, sequences, training)
    if live_text is None:
        encoder = _text_encoder(about)
    else:
        live_text.tuning.export(pathlib.Path(run_dir, ENCODER_FOLDER))
        encoder = live_text.tuning.encoder
    return Fitted(
        model=model,
        history=history,
        encoder=encoder,
        is_chief=strategies.is_chief(strategy),
    )


def _prepared(batches, settings, prepare):
    parse = data.parse(settings.head_names)
    return batches.map(parse, num_parallel_calls=2).map(
        prepare, num_parallel_calls=2
    )


def _fit_ranking(model, files, prepare, training, run_dir, *, checkpoints):
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

    examples = data.records(files).filter(lambda example: ~chosen(example))
    count, rates = data.mean_labels(examples, heads)
    if not count:
        return []
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
            data.records(files)
            .filter(chosen)
            .filter(later)
            .batch(training.ranking_batch)
        ),
        sample=prepared(examples.batch(1)),
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
        some, stand in for those settings.
    """
    config = fn_args.custom_config
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
    )
