import numpy as np
import pytest
import tensorflow as tf

from models.text.bert import PackedEmbedding, mean_pool
from models.text.e5_weights import Q4Matrix
from tests.encoders import tiny_bert


def inputs(*rows, length):
    ids = np.zeros((len(rows), length), np.int32)
    mask = np.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return {
        "input_word_ids": tf.constant(ids),
        "input_mask": tf.constant(mask),
        "input_type_ids": tf.zeros_like(ids),
    }


def test_q4_by_hand():
    # Low nibbles are the first 16 values of a block, high ones the next.
    nibbles = np.full((1, 16), 0x88, np.uint8)
    nibbles[0, 0] = 0xF0
    nibbles[0, 15] = 0x9A
    matrix = Q4Matrix(nibbles=nibbles, scales=np.array([[0.5]], np.float16))
    expected = np.zeros((1, 32), np.float32)
    expected[0, [0, 15, 16, 31]] = [-4.0, 1.0, 3.5, 0.5]
    np.testing.assert_array_equal(matrix.dequantise(), expected)
    gathered = PackedEmbedding(matrix)(tf.constant([[0, 0]]))
    np.testing.assert_array_equal(gathered, np.stack([expected, expected], 1))


def test_packed_rows_equal_dequantised():
    random = np.random.default_rng(1)
    matrix = Q4Matrix(
        nibbles=random.integers(0, 256, (5, 48)).astype(np.uint8),
        scales=random.normal(size=(5, 3)).astype(np.float16),
    )
    ids = tf.constant([[4, 0, 2], [1, 1, 3]])
    np.testing.assert_array_equal(
        PackedEmbedding(matrix)(ids), matrix.dequantise()[ids.numpy()]
    )


def test_mean_pool_by_hand():
    sequence = tf.constant([[[1.0, 2.0], [3.0, 6.0], [9.0, 9.0]]] * 2)
    pooled = mean_pool(sequence, tf.constant([[1, 1, 0], [0, 0, 0]]))
    np.testing.assert_allclose(pooled, [[2.0, 4.0], [0.0, 0.0]])


def test_padding_changes_nothing():
    bert = tiny_bert()
    short = bert(inputs([2, 5, 7, 3], length=4))
    padded = bert(inputs([2, 5, 7, 3], [2, 9, 3], length=9))
    np.testing.assert_allclose(
        short["pooled_output"][0], padded["pooled_output"][0], atol=1e-5
    )
    np.testing.assert_allclose(
        short["sequence_output"][0],
        padded["sequence_output"][0, :4],
        atol=1e-5,
    )
    assert len(padded["encoder_outputs"]) == 2


def test_order_and_tokens_matter():
    bert = tiny_bert()
    out = bert(inputs([2, 5, 7, 3], [2, 7, 5, 3], [2, 5, 8, 3], length=4))
    vectors = out["pooled_output"].numpy()
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-2
    assert np.abs(vectors[0] - vectors[2]).max() > 1e-2


@pytest.mark.parametrize("layer", [0, 1])
def test_attention_against_numpy(layer):
    """One head's attention, written down plainly."""
    bert = tiny_bert(seed=3)
    module = bert.layers[layer]
    x = np.random.default_rng(2).normal(size=(3, 32)).astype("f4")
    got = module(
        tf.constant(x), tf.zeros([1, 1, 1, 3]), tf.constant(1), tf.constant(3)
    )
    qkv = x @ module.qkv.kernel.numpy() + module.qkv.bias.numpy()
    mixed = []
    for head in range(2):
        query, key, value = (
            qkv[:, part * 32 + head * 16 : part * 32 + (head + 1) * 16]
            for part in range(3)
        )
        weights = np.exp(query @ key.T / 4.0)
        mixed.append(weights / weights.sum(1, keepdims=True) @ value)

    def norm(values):
        centred = values - values.mean(1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-12)

    attended = norm(
        x
        + np.concatenate(mixed, 1) @ module.attention.kernel.numpy()
        + module.attention.bias.numpy()
    )
    wide = attended @ module.widen.kernel.numpy() + module.widen.bias.numpy()
    from scipy.special import erf

    wide = wide * 0.5 * (1 + erf(wide / np.sqrt(2)))
    expected = norm(
        attended
        + wide @ module.narrow.kernel.numpy()
        + module.narrow.bias.numpy()
    )
    np.testing.assert_allclose(got, expected, atol=1e-5)
