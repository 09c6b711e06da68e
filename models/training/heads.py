"""Trains the ranking heads on impressions."""

import typing
from collections.abc import Callable

import tensorflow as tf

from models import inputs
from models.settings import ModelSettings, TrainingSettings
from models.training import data, fitting, strategies
from models.training.checkpoints import Checkpoints

if typing.TYPE_CHECKING:
    from models.recommender import Recommender

_SHUFFLED = 50_000


def prepared(
    batches: tf.data.Dataset,
    settings: ModelSettings,
    prepare: Callable[[dict], dict],
) -> tf.data.Dataset:
    """Parses batches of transformed ranking examples and prepares them."""
    parse = data.parse(settings.head_names)
    return batches.map(parse, num_parallel_calls=2).map(
        prepare, num_parallel_calls=2
    )


def fit_heads(
    model: "Recommender",
    impressions: tf.data.Dataset,
    prepare: Callable[[dict], dict],
    training: TrainingSettings,
    run_dir: str,
    *,
    checkpoints: Checkpoints,
    begun: bool,
    own: tf.data.Dataset | None = None,
) -> list[dict]:
    """Trains the ranking heads.

    Args:
      model: Whose towers have been trained.
      impressions: string, transformed ranking examples.
      prepare: Parsed examples to `models.inputs.ranking_inputs`.
      training: How to train.
      run_dir: Where TensorBoard logs go.
      checkpoints: What is kept of the training as it goes.
      begun: Whether the heads have learned before, and go on.
      own: Those of `impressions` that this worker alone draws batches from;
        by default all workers draw the same ones.

    Returns:
      A row an epoch; none without examples.
    """
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

    def prepared_batches(batches):
        return prepared(batches, model.settings, prepare)

    examples = impressions.filter(lambda example: ~chosen(example))
    count, rates = data.mean_labels(examples, heads)
    if not count:
        return []
    if not begun:
        model.ranking.start_at(rates)
    batch = strategies.whole_batch(
        training.ranking_batch,
        count,
        model.distribute_strategy,
        "ranking_batch",
    )
    drawn, workers = examples, 1
    if own is not None:
        drawn = own.filter(lambda example: ~chosen(example))
        _, workers = strategies.worker_of(model.distribute_strategy)
    shuffled = drawn.repeat().shuffle(
        max(1, min(count // workers, _SHUFFLED)), seed=training.seed
    )
    return fitting.fit_ranking(
        model,
        shuffled.batch(batch // workers, drop_remainder=True),
        prepared_batches(
            impressions.filter(chosen)
            .filter(later)
            .batch(training.ranking_batch)
        ),
        sample=prepared_batches(examples.batch(1)),
        prepare=prepared_batches,
        steps=max(1, count // batch),
        settings=training,
        log_dir=run_dir,
        checkpoints=checkpoints,
        own=own is not None,
    )
