"""The order of items: what the heads and the retrieval say together."""

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.ranking.order import order_score
from models.settings import ModelSettings

HEADS = {
    "heads": ("click=view,click,buy", "buy=buy"),
    "positive_event_types": ("buy",),
}
CHANCES = {
    "click": tf.constant([[0.2, 0.4, 0.0]]),
    "buy": tf.constant([[0.1, 0.0, 0.0]]),
}


def test_the_order_is_that_of_the_product_of_both_chances():
    share = np.array([[0.5, 0.2, 0.3]])
    retrieval = tf.constant(np.log(share) + 7, tf.float32)
    found = order_score(CHANCES, retrieval, ModelSettings(**HEADS)).numpy()
    worth = np.array([[0.3, 0.4, 1e-9]])
    expected = np.log(share * worth)
    np.testing.assert_allclose(
        found - found[:, :1], expected - expected[:, :1], rtol=1e-4
    )


def test_heads_count_by_their_weights():
    settings = ModelSettings(**HEADS, score_weights=(0.0, 2.0))
    found = order_score(CHANCES, tf.zeros([1, 3]), settings).numpy()
    np.testing.assert_allclose(found[0, 0], np.log(0.2), rtol=1e-5)
    assert found[0, 1] == found[0, 2] < -20
