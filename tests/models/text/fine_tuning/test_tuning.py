"""What each mode trains of an encoder, and what is written of it."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf

from models.text.encoder_pair import EncoderPair, check_space
from models.text.fine_tuning.settings import FineTuningSettings
from models.text.fine_tuning.tuning import FineTuning
from models.text.fine_tuning.variables import trainable_variables
from models.text.hub import TextEncoder
from models.text.resolve import EncoderPaths
from schema.errors import DataError
from schema.settings import SettingsError
from tests.encoders import write_tiny_bert

TEXTS = tf.constant(["无线鼠标 静音", "苹果手机", "夏季 连衣裙", ""])
MATRICES = {"qkv", "attention", "widen", "narrow"}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_tiny_bert(
        tmp_path_factory.mktemp("bert"),
        description={"seq_length": 32, "prefixes": {"query": "手机 "}},
    )


@functools.cache
def tuned(paths, mode, steps=1, **settings):
    """An encoder after some steps towards vectors of ones."""
    encoder = TextEncoder(paths)
    tuning = FineTuning(
        encoder,
        FineTuningSettings(
            mode=mode, learning_rate=1e-2, warmup_steps=0, **settings
        ),
        seed=1,
    )
    for _ in range(steps):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tuning.watched)
            vectors = tuning.encode(TEXTS, "item")
            loss = tf.reduce_mean(tf.square(1.0 - vectors))
        tuning.apply(tape.gradient(loss, tuning.watched))
    return tuning


def values(encoder):
    found = {v.name: v for v in trainable_variables(encoder.model)}
    assert len(found) == len(encoder.model.trainable_variables)
    return {name: one.variable.numpy() for name, one in found.items()}


def changed(paths, tuning):
    before = values(TextEncoder(paths))
    return {
        name
        for name, value in values(tuning.encoder).items()
        if (value != before[name]).any()
    }


def test_names_tell_the_layers(paths):
    named = trainable_variables(TextEncoder(paths).model)
    assert {one.layer for one in named} == {-1, 0, 1}
    by_layer = [one.name for one in named if one.layer == 1]
    assert "model/layers/1/qkv/kernel" in by_layer
    assert len(by_layer) == 12


def test_names_of_googles_encoders_tell_the_layers():
    root = tf.train.Checkpoint()
    names = (
        "word_embeddings/embeddings",
        "transformer/layer_11/self_attention/query/kernel",
        "bert/encoder_layer_2/dense/kernel",
        "transformer/layer_norm/gamma",
    )
    root.trainable_variables = [tf.Variable([0.0], name=n) for n in names]
    named = trainable_variables(root)
    assert [one.layer for one in named] == [-1, 11, 2, -1]
    assert [one.name for one in named][1:3] == list(names[1:3])


def test_all_changes_every_variable(paths):
    tuning = tuned(paths, "all")
    # The zero vector of no text and the padding's rows never change.
    assert changed(paths, tuning) == set(values(tuning.encoder))


def test_top_changes_the_top_layer_alone(paths):
    names = changed(paths, tuned(paths, "top", top_layers=1))
    assert names == {n for n in names if n.startswith("model/layers/1/")}
    assert len(names) == 12


def test_adapters_change_the_matrices_of_layers(paths):
    tuning = tuned(paths, "adapters", steps=2, top_layers=0, adapter_rank=2)
    assert changed(paths, tuning) == {
        f"model/layers/{layer}/{name}/kernel"
        for layer in (0, 1)
        for name in MATRICES
    }
    before, after = values(TextEncoder(paths)), values(tuning.encoder)
    difference = after["model/layers/1/qkv/kernel"]
    difference = difference - before["model/layers/1/qkv/kernel"]
    assert np.linalg.matrix_rank(difference, tol=1e-4) == 2
    # Rank 2 of the four matrices, [32, 96], [32, 32], [32, 128], [128, 32].
    assert tuning.num_trained() == 2 * 2 * (128 + 64 + 160 + 160)


def test_adapters_of_the_top_layers_alone(paths):
    settings = FineTuningSettings(mode="adapters", top_layers=1)
    encoder = TextEncoder(paths)
    watched = FineTuning(encoder, settings, seed=1).watched
    top = {v.name: v.variable for v in trainable_variables(encoder.model)}
    assert {v.ref() for v in watched} == {
        top[f"model/layers/1/{name}/kernel"].ref() for name in MATRICES
    }


def test_adapters_start_at_exactly_the_frozen_vectors(paths):
    tuning = tuned(paths, "adapters", steps=0, top_layers=0)
    frozen = TextEncoder(paths)
    tuning.restore(tuning.state())  # merges
    np.testing.assert_array_equal(tuning.encoder(TEXTS), frozen(TEXTS))
    np.testing.assert_array_equal(
        tuning.encode(TEXTS, "item"), frozen(TEXTS, role="item")
    )


def test_gradients_of_adapters_are_those_of_their_product(paths):
    tuning = tuned(paths, "adapters", steps=2, top_layers=0, adapter_rank=2)
    adapter = tuning._adapters[0]
    whole = tf.random.stateless_normal(adapter.weight.shape, (1, 2))
    with tf.GradientTape() as tape:
        product = adapter.start + adapter.down @ adapter.up
        loss = tf.reduce_sum(product * whole)
    expected = tape.gradient(loss, [adapter.down, adapter.up])
    for found, right in zip(adapter.gradients(whole), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


def test_kernels_of_attention_heads_get_adapters(paths):
    """Google's have the axes [hidden, heads, size]."""
    from models.text.fine_tuning.tuning import Adapter

    adapter = Adapter(tf.Variable(tf.zeros([4, 2, 3])), rank=1, seed=0)
    assert adapter.down.shape == [4, 1]
    assert adapter.up.shape == [1, 6]
    adapter.up.assign(tf.ones([1, 6]))
    adapter.merge()
    np.testing.assert_allclose(
        adapter.weight,
        np.broadcast_to(adapter.down.numpy()[:, :, None], (4, 2, 3)),
    )


def test_state_is_put_back(paths):
    tuning = tuned(paths, "adapters", steps=2, top_layers=0, adapter_rank=2)
    state, vectors = tuning.state(), tuning.encoder(TEXTS).numpy()
    tuning.apply([tf.ones_like(v) for v in tuning.watched])
    assert np.abs(tuning.encoder(TEXTS) - vectors).max() > 1e-4
    tuning.restore(state)
    np.testing.assert_array_equal(tuning.encoder(TEXTS), vectors)


def test_what_is_exported_is_what_was_trained(paths, tmp_path):
    tuning = tuned(paths, "adapters", steps=2, top_layers=0, adapter_rank=2)
    tuning.export(tmp_path / "made")
    made = TextEncoder.load(str(tmp_path / "made"), str(tmp_path / "made"))
    for role in ("item", "query"):
        np.testing.assert_allclose(
            made(TEXTS, role=role), tuning.encoder(TEXTS, role=role), atol=1e-6
        )
    assert np.abs(made(TEXTS) - TextEncoder(paths)(TEXTS)).max() > 1e-2
    assert made.seq_length == 32
    # Still what TF-Hub asks of an encoder, signature and training included.
    assert len(made.model.trainable_variables) == len(values(made))
    assert "serving_default" in made.model.signatures


def test_a_pair_is_trained_and_written_together(paths, tmp_path):
    items = TextEncoder(paths)
    student = write_tiny_bert(
        tmp_path / "student", seed=3, description={"teacher": items.digest}
    )
    pair = EncoderPair(items, TextEncoder(student))
    tuning = FineTuning(
        pair, FineTuningSettings(mode="top", top_layers=1), seed=1
    )
    assert len(tuning.watched) == 24
    nothing = [None] * 12
    tuning.apply([*nothing, *(tf.ones_like(v) for v in tuning.watched[12:])])
    tuning.export(tmp_path / "made")
    both = [
        EncoderPaths(
            preprocess=tmp_path / "made" / role / "preprocess",
            encoder=tmp_path / "made" / role / "encoder",
        )
        for role in ("item", "query")
    ]
    check_space(*both)
    np.testing.assert_allclose(
        TextEncoder(both[1])(TEXTS), pair.queries(TEXTS), atol=1e-6
    )


def test_nothing_to_train_says_what_there_is(paths):
    encoder = TextEncoder(paths)
    named = [v for v in trainable_variables(encoder.model) if v.layer < 0]
    encoder.model.trainable_variables = [v.variable for v in named]
    with pytest.raises(DataError, match=r"'adapters'.*model/positions"):
        FineTuning(encoder, FineTuningSettings(mode="adapters"), seed=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "lora"}, "mode is 'lora'; allowed: one of frozen, adap"),
        ({"mode": "top", "top_layers": 0}, "top_layers is 0"),
        ({"texts_a_step": 0}, "texts_a_step is 0"),
        ({"clip_norm": 0.0}, "clip_norm is 0.0; allowed: above 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
    ],
)
def test_settings_name_what_is_wrong(given, message):
    with pytest.raises(SettingsError, match=message):
        FineTuningSettings(**given)


def test_settings_travel_as_json():
    settings = FineTuningSettings(mode="top", top_layers=3)
    assert FineTuningSettings.from_json(settings.to_json()) == settings
    assert json.loads(settings.to_json())["mode"] == "top"
    assert settings.peak == 5e-5
    assert FineTuningSettings(learning_rate=1e-3).peak == 1e-3
