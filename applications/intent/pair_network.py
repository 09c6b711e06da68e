"""The network that tells what of the browsed will be bought, calibrated."""

import dataclasses

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_WIDTH = 16
_BATCH = 1024
_EPOCHS = 60
_PATIENCE = 5
_RATE = 2e-3
_ASKED = 65_536
_DECAY = 1e-4
# Logit.
_USUAL = -4.0
# Of the item itself, and of anything of its category.
NUM_HEADS = 2


@dataclasses.dataclass(frozen=True)
class PairModel:
    """A trained network with what its inputs and outputs are scaled by.

    Attributes:
      network: Logits [pairs, 2] of scaled features.
      mean: float32 [features].
      spread: float32 [features], above 0.
      slope: float32 [2], of Platt's scaling (1999) of the logits.
      offset: float32 [2].
    """

    network: tf.keras.Model
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    slope: NDArray[np.float32]
    offset: NDArray[np.float32]

    def chances(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns float32 [pairs, 2], that the item, its category is bought."""
        parts = [
            self.network(self._scaled(features[start : start + _ASKED])).numpy()
            for start in range(0, len(features), _ASKED)
        ]
        empty = np.zeros((0, NUM_HEADS), np.float32)
        logits = np.concatenate([empty, *parts])
        return 1 / (1 + np.exp(-(self.slope * logits + self.offset)))

    def _scaled(self, features):
        return tf.constant((features - self.mean) / self.spread)


def build(num_features: int) -> tf.keras.Model:
    """Returns the network, its weights not trained."""
    layers = tf.keras.layers
    given = tf.keras.Input([num_features])
    regular = tf.keras.regularizers.l2(_DECAY)
    hidden = layers.Dense(
        _WIDTH, activation="gelu", kernel_regularizer=regular
    )(given)
    hidden = layers.Dropout(0.3)(hidden)
    # What tells is nearly a sum, so it has a way of its own; the network
    # begins at what is usual, since few of the browsed are ever bought.
    told = layers.Dense(
        NUM_HEADS,
        kernel_initializer="zeros",
        bias_initializer=tf.keras.initializers.Constant(_USUAL),
    )(hidden) + layers.Dense(
        NUM_HEADS, kernel_initializer="zeros", kernel_regularizer=regular
    )(given)
    return tf.keras.Model(given, told)


def fit(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    held: NDArray[np.bool_],
    seed: int,
) -> PairModel:
    """Trains on pairs, stops and calibrates on those of users held out.

    Args:
      features: [pairs, features].
      labels: [pairs, 2], 0 or 1.
      held: bool [pairs].
      seed: Of everything random.
    """
    tf.keras.utils.set_random_seed(seed)
    if held.all() or not held.any():
        held = np.zeros(len(held), bool)
        held[::7] = True
    mean = features[~held].mean(0)
    spread = np.maximum(features[~held].std(0), 1e-3)
    scaled = ((features - mean) / spread).astype(np.float32)
    truth = labels.astype(np.float32)
    network = build(features.shape[1])
    network.compile(
        tf.keras.optimizers.Adam(_RATE),
        tf.keras.losses.BinaryCrossentropy(from_logits=True),
    )
    network.fit(
        scaled[~held],
        truth[~held],
        batch_size=_BATCH,
        epochs=_EPOCHS,
        validation_data=(scaled[held], truth[held]),
        callbacks=[
            tf.keras.callbacks.EarlyStopping(
                patience=_PATIENCE, restore_best_weights=True
            )
        ],
        verbose=0,
    )
    logits = network(tf.constant(scaled[held])).numpy()
    scales = np.array(
        [platt(logits[:, head], truth[held, head]) for head in range(NUM_HEADS)]
    )
    return PairModel(
        network,
        mean.astype(np.float32),
        spread.astype(np.float32),
        scales[:, 0].astype(np.float32),
        scales[:, 1].astype(np.float32),
    )


def platt(
    logits: NDArray[np.float32], labels: NDArray[np.float32]
) -> tuple[float, float]:
    """Fits slope and offset of logits by log loss, with Newton's steps.

    As Platt has it, one positive and one negative more than there are keep
    the fit finite. With fewer than five of either nothing is changed.
    """
    positives = float(labels.sum())
    if min(positives, len(labels) - positives) < 5:
        return 1.0, 0.0
    target = np.where(
        labels > 0,
        (positives + 1) / (positives + 2),
        1 / (len(labels) - positives + 2),
    )
    given = np.stack([logits, np.ones(len(logits))], 1).astype(np.float64)
    found = np.array([1.0, 0.0])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-np.clip(given @ found, -30, 30)))
        slope = given.T @ (chance - target)
        curve = (given * (chance * (1 - chance))[:, None]).T @ given
        found -= np.linalg.solve(curve + 1e-6 * np.eye(2), slope)
    # A negative slope would turn the order round.
    if not np.isfinite(found).all() or found[0] <= 0:
        return 1.0, 0.0
    return float(found[0]), float(found[1])
