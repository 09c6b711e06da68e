"""Averaging of weights: what is validated, and what training goes on with."""

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.training import callbacks

DECAY = 0.5


def fitted(use_ema, steps):
    """Moves one weight from 0 up by 1 a step."""
    model = tf.keras.Sequential(
        [tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")]
    )
    model.build([None, 1])
    optimizer = tf.keras.optimizers.SGD(
        1.0, use_ema=use_ema, ema_momentum=DECAY
    )
    model.compile(optimizer=optimizer)
    for _ in range(steps):
        weight = model.trainable_variables[0]
        optimizer.apply_gradients([(-tf.ones_like(weight), weight)])
    return model


def test_the_average_is_there_for_a_while_only():
    model = fitted(True, 3)
    weight = model.trainable_variables[0]
    expected = 0.0
    for value in (1.0, 2.0, 3.0):
        expected = DECAY * expected + (1 - DECAY) * value
    with callbacks.averaged(model):
        np.testing.assert_allclose(weight.numpy(), [[expected]])
    np.testing.assert_allclose(weight.numpy(), [[3.0]])


def test_without_averaging_the_weights_stay_as_they_are():
    model = fitted(False, 3)
    with callbacks.averaged(model):
        np.testing.assert_allclose(
            model.trainable_variables[0].numpy(), [[3.0]]
        )


def test_the_best_averages_are_what_is_kept():
    model = fitted(True, 2)
    found = iter([0.7, 0.2])

    def validate(logs):
        return {"gain": next(found)}

    keep = callbacks.KeepBest(validate, "gain", 1, 5, 0.0)
    keep.set_model(model)
    keep.on_epoch_end(0, {})
    weight = model.trainable_variables[0]
    model.optimizer.apply_gradients([(-tf.ones_like(weight), weight)])
    keep.on_epoch_end(1, {})
    keep.on_train_end()
    # After two steps: 0.5 * (0.5 * 1) + 0.5 * 2.
    np.testing.assert_allclose(weight.numpy(), [[1.25]])
