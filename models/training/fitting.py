"""The training loop: schedule, optimiser, early stopping, what it leaves."""

import json
import math
import os
import typing
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from models import inputs
from models.cooccurrence import counting
from models.cooccurrence.sequences import of_examples
from models.cooccurrence.spectral import item_factors
from models.recommender import Recommender
from models.settings import TrainingSettings
from models.training import strategies
from models.training.callbacks import KeepBest, Record, Save
from models.training.checkpoints import NONE, Checkpoints, put
from models.training.live_text import LiveText
from models.training.optimizer import AdamW
from models.training.schedule import WarmupCosine

if typing.TYPE_CHECKING:
    from models.training.catching_up import TowerStep

# Steps between two validations of ranking, where a pass is longer.
_RANKING_INTERVAL = 200
_VALIDATION_BATCHES = 100
_SHUFFLED = 20_000
# Lengths at which batches of sequences part.
_BUCKETS = (9, 17, 33, 65)


def _compile(model, settings):
    with strategies.scope(model.distribute_strategy):
        _compile_here(model, settings)


def _compile_here(model, settings):
    model.schedule = WarmupCosine(
        settings.learning_rate, settings.warmup_steps, settings.decay_steps
    )
    optimizer = AdamW(
        model.schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm,
        use_ema=settings.averaging > 0,
        ema_momentum=settings.averaging or 0.99,
    )
    optimizer.exclude_from_weight_decay(
        var_names=["bias", "gamma", "beta", "gate"]
    )
    model.compile(optimizer=optimizer, jit_compile=settings.jit_compile)


def _batches(sequences, count, batch, settings):
    """Repeats and shuffles for ever; batches are always full.

    Sequences of like length come together and lose the padding that they
    share, unless XLA needs all batches to have one shape.
    """
    shuffled = sequences.repeat().shuffle(
        min(count, _SHUFFLED), seed=settings.seed
    )
    if settings.fixed_shapes:
        return shuffled.batch(batch, drop_remainder=True)
    return shuffled.bucket_by_sequence_length(
        lambda sequence: sequence["number"],
        bucket_boundaries=_BUCKETS,
        bucket_batch_sizes=[batch] * (len(_BUCKETS) + 1),
    ).map(inputs.without_padding)


def _run(
    model,
    batches,
    keep_best,
    *,
    epochs,
    steps,
    log_dir,
    first=0,
    stage="",
    checkpoints=NONE,
    standing=None,
):
    record = Record()
    done = 0
    if standing is not None:
        keep_best.set_model(model)
        keep_best.resume(standing)
        put(model.trainable_variables, standing.weights)
        put(model.optimizer.variables, standing.optimizer)
        record.rows, done = standing.rows, len(standing.rows)
        if standing.finished:
            return record.rows
    board = tf.keras.callbacks.TensorBoard(log_dir, write_graph=False)
    save = Save(checkpoints, stage, keep_best, record, steps)
    model.fit(
        batches,
        epochs=first + epochs,
        initial_epoch=first + done,
        steps_per_epoch=steps,
        callbacks=[keep_best, record, board, save],
        verbose=0,
    )
    return record.rows


def _make_variables(model, loss, batches, standing):
    """Makes all that a stage trains before its first step, where need be.

    A checkpoint wants variables to be put into; and several devices, each of
    which would make them in a thread of its own, would not begin where one
    device of the same seed does.

    Args:
      model: Compiled.
      loss: Of a batch.
      batches: Not those of the training: to begin them twice gives another
        order the second time.
      standing: Of the checkpoint, if there is one.
    """
    if standing is None and strategies.is_single(model.distribute_strategy):
        return
    with strategies.scope(model.distribute_strategy):
        for batch in batches.take(1):
            loss(batch)
        model.optimizer.build(model.trainable_variables)


def fit_retrieval(
    model: Recommender,
    sequences: tf.data.Dataset,
    settings: TrainingSettings,
    log_dir: str,
    live_text: LiveText | None = None,
    *,
    first: int = 0,
    step: "TowerStep | None" = None,
    checkpoints: Checkpoints = NONE,
    own: tf.data.Dataset | None = None,
) -> list[dict]:
    """Trains the towers on sequences and stores all item vectors.

    Stops when the mean of 1 / log2(rank + 1) of held-out targets, ranked
    among all items, gets no better; the best weights stay. Where the text
    encoder is trained, it joins then, until it too gets no better.

    Args:
      model: To be trained.
      sequences: Single examples as `models.inputs.sequence_inputs` makes
        them; kept in memory, unless the settings say otherwise.
      settings: Of the training.
      log_dir: For TensorBoard.
      live_text: The text encoder, where it is to be trained.
      first: Epochs that the towers have been trained for already.
      step: Of those epochs, to go on with.
      checkpoints: Where to go on from, if it is there, and what to leave.
      own: Those of `sequences` that this worker alone draws batches from; by
        default all workers draw the same ones.

    Returns:
      A row an epoch: losses, validation metrics, seconds.
    """
    if settings.keep_sequences:
        sequences = sequences.cache()
        own = own.cache() if own else None
    count = int(sequences.reduce(np.int64(0), lambda n, _: n + 1))
    stage = "catching_up" if first else "retrieval"
    standing = checkpoints.read(stage)
    if settings.spectral_start and standing is None:
        model.represent(tf.range(1))  # makes the variables
        known = of_examples(sequences)
        chosen = counting.incidence(
            known.keep(known.positive), model.items.num_items
        )
        model.item_tower.start_ids(
            item_factors(chosen, model.settings.dimension, settings.seed)
        )
    held_out = sequences.filter(lambda x: tf.reduce_any(x["validation"]))
    held_out = held_out.batch(settings.sequence_batch)
    if settings.keep_sequences:
        held_out = held_out.cache()

    def validate(logs):
        model.freeze_items()
        found = [model.validation_ranks(batch) for batch in held_out]
        rank = np.concatenate([np.zeros(0), *(r.numpy() for r, _ in found)])
        if not len(rank):  # too few users to hold any out
            return {"val_gain": -logs["loss"]}
        weight = np.concatenate([w.numpy() for _, w in found])

        def mean(values):
            return float(np.average(values, weights=weight))

        return {
            "val_gain": mean(1 / np.log2(rank + 2)),
            "val_recall@10": mean(rank < 10),
            "val_recall@50": mean(rank < 50),
        }

    model.item_tower.trainable = model.query_tower.trainable = True
    model.ranking.trainable = False
    if step is None:
        _compile(model, settings)
    else:
        step.put_back(model)
    strategy = model.distribute_strategy
    batch = strategies.whole_batch(
        settings.sequence_batch, count, strategy, "sequence_batch"
    )
    _, workers = (0, 1) if own is None else strategies.worker_of(strategy)
    batches = _batches(
        sequences if own is None else own,
        max(1, count // workers),
        batch // workers,
        settings,
    )
    _make_variables(model, model.sequence_loss, sequences.batch(1), standing)
    if standing is not None:
        batches = batches.skip(standing.batches)
    keep_best = KeepBest(
        validate,
        "val_gain",
        settings.validate_every,
        settings.patience,
        settings.max_seconds,
        agree=lambda value: strategies.chiefs(strategy, value),
    )
    batches = strategies.deal(
        batches.map(lambda batch: {"sequences": batch}),
        strategy,
        own=own is not None,
    )
    steps = max(1, round(count / batch))
    alone = live_text.settings.towers_epochs if live_text else 0
    logs = _run(
        model,
        batches,
        keep_best,
        epochs=alone or settings.max_epochs,
        steps=steps,
        log_dir=os.path.join(log_dir, "retrieval"),
        first=first,
        stage=stage,
        checkpoints=checkpoints,
        standing=standing,
    )
    if live_text is not None:
        logs += _run_with_text(
            model,
            batches,
            validate,
            live_text,
            steps=steps,
            first=first + len(logs),
            log_dir=os.path.join(log_dir, "fine_tuning"),
        )
    model.freeze_items()
    return logs


def _run_with_text(
    model, batches, validate, live_text, *, steps, first, log_dir
):
    """Goes on with training, the text encoder now too."""
    settings = live_text.settings

    def validate_as_exported(logs):
        live_text.refresh()
        return validate(logs)

    keep_best = KeepBest(
        validate_as_exported,
        "val_gain",
        settings.validate_every,
        settings.patience,
        settings.max_seconds,
        live_text=live_text,
    )
    model.live_text = live_text
    # The step is another one; the optimiser goes on where it was.
    model.make_train_function(force=True)
    rows = _run(
        model,
        batches,
        keep_best,
        epochs=settings.max_epochs,
        steps=steps,
        log_dir=log_dir,
        first=first,
    )
    model.live_text = None
    return rows


def fit_ranking(
    model: Recommender,
    batches: tf.data.Dataset,
    held_out: tf.data.Dataset,
    *,
    sample: tf.data.Dataset,
    prepare: Callable[[tf.data.Dataset], tf.data.Dataset],
    steps: int,
    settings: TrainingSettings,
    log_dir: str,
    checkpoints: Checkpoints = NONE,
    own: bool = False,
) -> list[dict]:
    """Trains the ranking heads on the towers as they are.

    Args:
      model: With its items frozen.
      batches: For ever; `prepare` makes of them what
        `models.inputs.ranking_inputs` makes.
      held_out: Batches of other users, once, prepared.
      sample: Of some examples, prepared; whichever they are.
      prepare: Of the batches, on the worker that takes them.
      steps: Batches in a pass.
      settings: Of the training.
      log_dir: For TensorBoard.
      checkpoints: Where to go on from, if it is there, and what to leave.
      own: Whether `batches` are this worker's alone.

    Returns:
      A row an interval of at most 200 steps: losses, seconds. `val_ranking`
      is the negative loss, so that higher is better.
    """
    held_out = held_out.take(_VALIDATION_BATCHES).cache()

    @tf.function(reduce_retracing=True, autograph=False)
    def loss(batch):
        weight = tf.reduce_sum(batch["weight"])
        return tf.stack([model.loss_of_ranking(batch), weight])

    def validate(logs):
        pairs = np.array([loss(batch).numpy() for batch in held_out])
        if not len(pairs):
            return {"val_ranking": -logs["loss"]}
        mean = np.average(pairs[:, 0], weights=pairs[:, 1])
        return {"val_ranking": -float(mean)}

    model.item_tower.trainable = model.query_tower.trainable = False
    model.ranking.trainable = True
    _compile(model, settings)
    interval = min(steps, _RANKING_INTERVAL)
    strategy = model.distribute_strategy
    keep_best = KeepBest(
        validate,
        "val_ranking",
        1,
        settings.patience,
        settings.max_seconds,
        agree=lambda value: strategies.chiefs(strategy, value),
    )
    standing = checkpoints.read("ranking")
    _make_variables(model, model.loss_of_ranking, sample, standing)
    if standing is not None:
        batches = batches.skip(standing.batches)
    return _run(
        model,
        strategies.deal(
            batches,
            strategy,
            lambda part: prepare(part).map(lambda batch: {"ranking": batch}),
            own,
        ),
        keep_best,
        epochs=math.ceil(settings.ranking_epochs * steps / interval),
        steps=interval,
        log_dir=os.path.join(log_dir, "ranking"),
        stage="ranking",
        checkpoints=checkpoints,
        standing=standing,
    )


def write_history(path: str, history: dict) -> None:
    """Writes `history.json`: rows of `retrieval` and `ranking`."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(history, file, indent=1)
