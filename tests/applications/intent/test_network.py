import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401
from applications.intent.network import IntentNetwork
from applications.intent.settings import SEQUENCE_MODELS, IntentSettings
from applications.intent.steps import NOW_KIND
from applications.intent.tallies import WIDTH
from tests.applications.intent.small import DAY, known


@pytest.mark.parametrize("sequence_model", SEQUENCE_MODELS)
def test_a_step_knows_neither_what_follows_nor_padding(sequence_model):
    tf.keras.utils.set_random_seed(0)
    settings = IntentSettings(
        sequence_model=sequence_model, width=8, horizons=(1, 24)
    )
    network = IntentNetwork(known(), settings)
    rows = np.array([[1, 3, 2, 5]], np.int32)
    kinds = np.array([[2, 1, 6, NOW_KIND]], np.int32)
    times = DAY + np.array([[0, 60, 600, 9000]])

    tallied = np.ones((1, 4, WIDTH), np.float32)

    def answer(length, padding):
        pad = [[0, 0], [0, padding]]
        given = {
            "rows": np.pad(rows[:, :length], pad),
            "kinds": np.pad(kinds[:, :length], pad),
            "times": np.pad(times[:, :length], pad),
            "tallies": np.pad(tallied[:, :length], [*pad, [0, 0]]),
        }
        logits, buys = network({k: tf.constant(v) for k, v in given.items()})
        return logits.numpy()[0, :length], buys.numpy()[0, :length]

    whole = answer(4, 0)
    for length, padding in ((2, 0), (2, 3), (4, 2)):
        for a, b in zip(answer(length, padding), whole, strict=True):
            assert np.allclose(a, b[:length], atol=1e-5)
    assert np.isfinite(whole[0]).all()
    assert (whole[1][:, 1] > whole[1][:, 0]).all()
    assert ((whole[1] > 0) & (whole[1] < 1)).all()
