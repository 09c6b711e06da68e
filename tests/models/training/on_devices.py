"""Trains the tiny shop on one and on two logical CPUs, as JSON.

A program of its own, because devices are divided before TensorFlow begins:
`python -m tests.models.training.on_devices steps SOURCES FOLDER`.
"""

import contextlib
import dataclasses
import json
import pathlib
import sys

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models import replicas
from models.settings import TrainingSettings
from models.training import checkpoints, strategies, trainer
from models.training.data import Sources
from schema.settings import SettingsError
from tests.models.conftest import MODEL
from tests.models.training.shop_model import ShopModel, turned_batches

# Nothing random in the towers, so that one and two devices can be compared.
SETTINGS = dataclasses.replace(
    MODEL, dropout=0.0, id_dropout=0.0, ranking_dropout=0.0
)
TRAINING = TrainingSettings(
    sequence_batch=8,
    ranking_batch=32,
    max_epochs=3,
    ranking_epochs=2,
    catch_up_epochs=1,
    validate_every=1,
    learning_rate=5e-3,
    warmup_steps=5,
)
RATE = 0.1


def trained(sources, folder, strategy):
    """Trains everything; returns its history and what the export says."""
    training = dataclasses.replace(TRAINING, strategy=strategy)
    history = trainer.train(
        sources, str(folder / "model"), str(folder / "run"), SETTINGS, training
    )
    model = tf.saved_model.load(str(folder / "model"))
    return {
        "history": history,
        "items": model.item_vectors().numpy().tolist(),
    }


@contextlib.contextmanager
def parts_divided_by_themselves():
    """The mistake: each device takes the mean of its own part."""
    right, replicas.total = replicas.total, lambda value: value
    try:
        yield
    finally:
        replicas.total = right


def step_of(sources, folder, strategy, start=None):
    """Takes one step of gradient descent on one batch.

    Returns:
      The weights before and after, and the weight of each device's part.
    """
    shop = ShopModel(sources, SETTINGS, TRAINING, folder, strategy)
    batch = shop.sequences.batch(8).take(1)
    model = shop.model
    model.ranking.trainable = False
    with strategies.scope(strategy):
        model.sequence_loss(next(iter(batch)))
        model.compile(optimizer=tf.keras.optimizers.SGD(RATE))
    weights = model.trainable_variables
    if start is not None:
        checkpoints.put(weights, start)
    start = [weight.numpy() for weight in weights]
    dealt = strategies.deal(batch.map(lambda b: {"sequences": b}), strategy)
    # Not traced, which would take longer than the step.
    logs = strategy.run(model.train_step, args=(next(iter(dealt)),))
    loss = strategy.experimental_local_results(logs["retrieval_loss"])[0]
    train = next(iter(batch))["train"].numpy()
    return {
        "start": start,
        "end": [weight.numpy() for weight in weights],
        "loss": float(loss),
        "parts": [int(part.sum()) for part in np.split(train, 2)],
    }


def furthest(one, other):
    """Returns the largest difference of two steps, and the longest step."""

    def largest(weights, others):
        return max(
            float(np.abs(a - b).max(initial=0))
            for a, b in zip(weights, others, strict=True)
        )

    return largest(one["end"], other["end"]), largest(one["end"], one["start"])


def trainings(shop, root):
    """Trains on one device, on both, and on one with turned batches."""
    found = {
        name: trained(shop, root / name, name)
        for name in ("default", "mirrored")
    }
    with turned_batches():
        found["turned"] = trained(shop, root / "turned", "default")
    return found


def steps(shop, root):
    """Takes the same step on one device, on both, and wrongly on both."""
    several = strategies.of(dataclasses.replace(TRAINING, strategy="mirrored"))
    alone = step_of(shop, root / "a", tf.distribute.get_strategy())
    together = step_of(shop, root / "b", several, alone["start"])
    with parts_divided_by_themselves():
        wrong = step_of(shop, root / "c", several, alone["start"])
    found = {
        "devices": several.num_replicas_in_sync,
        "parts": alone["parts"],
        "losses": [alone["loss"], together["loss"]],
        "together": furthest(alone, together),
        "wrong": furthest(alone, wrong),
    }
    try:
        strategies.whole_batch(9, 40, several, "sequence_batch")
    except SettingsError as error:
        found["odd"] = str(error)
    return found


def main(what: str, sources: str, folder: str) -> None:
    """Prints what was found."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    run = {"trainings": trainings, "steps": steps}[what]
    print(json.dumps(run(Sources(**json.loads(sources)), pathlib.Path(folder))))


if __name__ == "__main__":
    main(*sys.argv[1:])
