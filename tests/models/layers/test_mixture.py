"""The experts that heads share."""

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.layers.mixture import MixtureOfExperts


def test_each_head_has_its_own_mean_of_the_experts():
    tf.keras.utils.set_random_seed(1)
    layer = MixtureOfExperts(2, 3, 4, 0.0)
    inputs = tf.random.normal([5, 7, 6])
    mixed = layer(inputs).numpy()
    assert mixed.shape == (5, 7, 2, 4)
    experts = layer.hidden(inputs).numpy().reshape(5, 7, 3, 4)
    gates = tf.nn.softmax(tf.reshape(layer.gates(inputs), [5, 7, 2, 3]))
    for head in range(2):
        weight = gates[:, :, head, :, None].numpy()
        np.testing.assert_allclose(
            mixed[:, :, head], (weight * experts).sum(2), atol=1e-5
        )
    assert np.abs(mixed[:, :, 0] - mixed[:, :, 1]).max() > 1e-3
