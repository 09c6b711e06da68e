"""A cut table says what a whole one does."""

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.layers.sharded_embedding import ShardedEmbedding

TABLE = np.arange(14, dtype=np.float32).reshape(7, 2)
ROWS = tf.constant([[0, 6], [2, 3], [3, 5]])


def cut():
    layer = ShardedEmbedding(
        7, 2, tf.keras.initializers.RandomNormal, most_rows=3
    )
    layer.assign(TABLE)
    return layer


def test_rows_come_from_where_they_are():
    layer = cut()
    assert [shard.shape[0] for shard in layer.shards] == [3, 3, 1]
    np.testing.assert_array_equal(layer(ROWS), TABLE[ROWS.numpy()])
    np.testing.assert_array_equal(layer.numpy(), TABLE)
    compiled = tf.function(layer.__call__, jit_compile=True)
    np.testing.assert_array_equal(compiled(ROWS), TABLE[ROWS.numpy()])


def test_a_step_moves_the_rows_that_a_whole_table_moves():
    layer, whole = cut(), tf.Variable(TABLE)
    weights = tf.constant([[1.0, 2], [3, 4], [5, 6]])[..., None]
    for variables, look_up in (
        (layer.trainable_variables, layer),
        ([whole], lambda rows: tf.gather(whole, rows)),
    ):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(weights * look_up(ROWS) ** 2)
        optimizer = tf.keras.optimizers.SGD(0.01)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    np.testing.assert_allclose(layer.numpy(), whole, rtol=1e-6)
    moved = (layer.numpy() != TABLE).any(1)
    assert moved.tolist() == [True, False, True, True, False, True, True]


def test_shards_begin_at_different_values():
    layer = ShardedEmbedding(
        4, 8, tf.keras.initializers.RandomNormal, most_rows=2
    )
    assert np.abs(layer.shards[0] - layer.shards[1]).max() > 0


def test_it_and_its_moments_stay_on_the_host():
    layer = cut()
    optimizer = tf.keras.optimizers.AdamW()
    optimizer.build(layer.trainable_variables)
    held = [*layer.shards, *optimizer._momentums, *optimizer._velocities]
    assert len(held) == 9
    assert all(variable.device.endswith("CPU:0") for variable in held)
