"""Centring of text vectors, by hand."""

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.layers.centering import Centering


def test_takes_the_mean_out_and_leaves_absent_texts_at_zero():
    layer = Centering(np.array([1.0, 1.0]))
    centred = layer(tf.constant([[4.0, 5.0], [1.0, -1.0], [0.0, 0.0]]))
    np.testing.assert_allclose(
        centred, [[0.6, 0.8], [0.0, -1.0], [0.0, 0.0]], atol=1e-6
    )


def test_no_text_at_all():
    assert Centering(np.zeros(0))(tf.zeros([3, 0])).shape == (3, 0)
