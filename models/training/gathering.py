"""What several devices have trained becomes a model of one device.

What comes after training (neighbours, the export, items that are added) reads
and writes single variables, and a SavedModel serves on one device.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.text.fine_tuning.settings import FineTuningSettings
from models.training.checkpoints import put
from schema.settings import SettingsError


def check_alone(
    training: TrainingSettings, fine_tuning: FineTuningSettings
) -> None:
    """Checks that the text encoder can be trained along with the towers.

    Raises:
      SettingsError: The training is compiled, on several devices, or writes
        checkpoints.
    """
    for field, alone, because in (
        ("jit_compile", False, "XLA compiles no strings"),
        ("strategy", "default", "the encoder is trained on one device"),
        ("checkpoint_every", 0, "checkpoints do not hold the encoder"),
    ):
        value = getattr(training, field)
        if value != alone:
            raise SettingsError(
                f"FineTuningSettings.mode is {fine_tuning.mode!r} and "
                f"TrainingSettings.{field} is {value!r}; allowed: one of "
                f"them, because {because}"
            )


def shared(settings: ModelSettings) -> ModelSettings:
    """Returns settings of the copies that devices train.

    Their table of neighbours is filled when they are one model again.
    """
    return dataclasses.replace(settings, neighbours=1)


def on_one_device(
    trained: Recommender,
    model: Recommender,
    counts: np.ndarray,
    sequences: tf.data.Dataset,
    ranking: tf.data.Dataset | None,
) -> Recommender:
    """Copies what was trained into a model made outside of the strategy.

    Args:
      trained: By several devices.
      model: New, made of the same settings and items.
      counts: int64 [N], how often each item is a target.
      sequences: Batches of what trained the towers; one is read.
      ranking: Batches of what trained the heads; None where nothing did.

    Returns:
      `model`, with its items frozen.
    """
    # The first loss makes the variables.
    for batch in sequences.take(1):
        model.sequence_loss(batch)
    for batch in ranking.take(1) if ranking is not None else ():
        model.loss_of_ranking(batch)
    for part in ("item_tower", "query_tower", "ranking"):
        source, target = getattr(trained, part), getattr(model, part)
        if target.built or part != "ranking":
            pairs = [
                (variable, value.numpy())
                for variable, value in zip(
                    target.weights, source.weights, strict=True
                )
                if 0 not in variable.shape
            ]
            put([v for v, _ in pairs], [value for _, value in pairs])
    model.items.set_choices(counts)
    model.learned_until = trained.learned_until
    model.freeze_items()
    return model
