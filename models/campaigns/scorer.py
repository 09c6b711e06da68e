"""The small network that says how likely a person takes part."""

import numpy as np
import tensorflow as tf

from models.campaigns.features import HEADS, NAMES


def build_scorer(
    features: np.ndarray, hidden: int, l2: float
) -> tf.keras.Model:
    """Makes a network of one hidden layer over standardised features.

    What is linear goes past the hidden layer, so that few examples suffice
    for what matters most.

    Args:
      features: float32 [n, len(NAMES)], of training, to standardise by.
      hidden: Units, at least 1.
      l2: Weight of the squares of all weights, at least 0.

    Returns:
      Maps float32 [n, len(NAMES)] to chances float32 [n, heads].
    """
    decay = tf.keras.regularizers.L2(l2)
    mean = features.mean(0)
    scale = np.where(features.std(0) > 1e-6, features.std(0), 1.0)
    given = tf.keras.Input([len(NAMES)], name="features")
    standard = tf.keras.layers.Rescaling(1 / scale, -mean / scale)(given)
    # Nothing that training has not seen may run away with the answer.
    standard = tf.keras.layers.Lambda(_bounded, name="bounded")(standard)
    middle = tf.keras.layers.Dense(
        hidden, activation="tanh", kernel_regularizer=decay
    )(standard)
    joined = tf.keras.layers.Concatenate()([standard, middle])
    chances = tf.keras.layers.Dense(
        len(HEADS), activation="sigmoid", kernel_regularizer=decay
    )(joined)
    return tf.keras.Model(given, chances, name="campaign_scorer")


def chances(scorer: tf.Module, features: tf.Tensor) -> tf.Tensor:
    """Asks a network: float32 [..., len(NAMES)] to float32 [..., heads]."""
    shape = tf.shape(features)[:-1]
    told = scorer(tf.reshape(features, [-1, len(NAMES)]))
    return tf.reshape(told, tf.concat([shape, [len(HEADS)]], axis=0))


def _bounded(values):
    return tf.clip_by_value(values, -4.0, 4.0)
