"""Sixteen bits learn what thirty-two do, and small gradients survive."""

import dataclasses

import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import fitting
from schema.settings import SettingsError
from tests.models.conftest import MODEL
from tests.models.training.shop_model import ShopModel
from tests.slow import slow

SETTINGS = dataclasses.replace(MODEL, dropout=0.0, id_dropout=0.0)
TRAINING = TrainingSettings(
    sequence_batch=20,
    max_epochs=40,
    validate_every=40,
    learning_rate=5e-3,
    warmup_steps=10,
)
HALVES = {
    "float32": {},
    "bfloat16": {"mixed_precision": True},
    "float16": {"mixed_precision": True, "half_type": "float16"},
}


@pytest.fixture(scope="module")
def trained(tiny_shop, tmp_path_factory):
    """Rows, optimiser and type of vectors for each precision."""
    found = {}
    before = tf.keras.mixed_precision.global_policy()
    for name, change in HALVES.items():
        training = dataclasses.replace(TRAINING, **change)
        tf.keras.utils.set_random_seed(3)
        tf.keras.mixed_precision.set_global_policy(training.precision)
        try:
            folder = tmp_path_factory.mktemp(name)
            shop = ShopModel(tiny_shop, SETTINGS, training, folder)
            rows = fitting.fit_retrieval(
                shop.model, shop.sequences, training, str(folder)
            )
            vectors = shop.model.represent(tf.constant([0]))
        finally:
            tf.keras.mixed_precision.set_global_policy(before)
        found[name] = rows, shop.model.optimizer, vectors.dtype.name
    return found


@slow
@pytest.mark.parametrize("name", HALVES)
def test_it_computes_in_the_type_and_learns_as_well(trained, name):
    rows, _, dtype = trained[name]
    assert dtype == name
    whole = trained["float32"][0]
    # Of items in any order it would be about 0.3.
    assert rows[-1]["val_gain"] > 0.6
    assert abs(rows[-1]["val_gain"] - whole[-1]["val_gain"]) < 0.05
    # At the end: float16 skips its first steps, till it knows the scale.
    assert rows[-1]["retrieval_loss"] < 1.15 * whole[-1]["retrieval_loss"]


@slow
def test_the_loss_of_float16_is_scaled_and_its_gradients_are_not(trained):
    rows, optimizer, _ = trained["float16"]
    steps = int(optimizer.iterations)
    assert steps == len(rows) * 2
    # Of all steps, those since one was too large for the scale.
    assert 0 < int(optimizer.dynamic_counter) <= steps
    assert float(optimizer.loss_scale) > 1
    for name in ("float32", "bfloat16"):
        assert not hasattr(trained[name][1], "loss_scale")


def test_there_are_two_halves():
    with pytest.raises(SettingsError, match=r"half_type is 'half'.*float16"):
        TrainingSettings(half_type="half")
