"""The interface, run through with a BERT as hubs have them."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub

from models.hub_models import full_handle
from models.text.hub import TextEncoder
from models.text.resolve import Description, resolve
from models.text.settings import TextSettings
from schema.errors import DataError, MissingDependencyError
from schema.settings import SettingsError
from tests.encoders import HIDDEN, VOCABULARY, write_tiny_bert

TEXTS = ["无线鼠标 静音", "苹果手机 Pro 14", "夏季 连衣裙", "abc"]


@pytest.fixture(scope="module")
def encoder(tiny_bert_paths):
    return TextEncoder(tiny_bert_paths)


def test_preprocess_as_tf_hub_documents_it(tiny_bert_paths):
    preprocess = tensorflow_hub.load(str(tiny_bert_paths.preprocess))
    tokens = preprocess.tokenize(tf.constant(["鼠标 ab"]))
    assert tokens.shape.rank == 3
    words = [
        [[VOCABULARY[i] for i in word] for word in text]
        for text in tokens.to_list()
    ]
    assert words == [[["鼠"], ["标"], ["a", "##b"]]]
    packed = preprocess.bert_pack_inputs([tokens], seq_length=8)
    ids = [VOCABULARY.index(piece) for piece in words[0][0] + words[0][1]]
    a, b = VOCABULARY.index("a"), VOCABULARY.index("##b")
    assert packed["input_word_ids"].numpy().tolist() == [
        [2, *ids, a, b, 3, 0, 0]
    ]
    assert packed["input_mask"].numpy().tolist() == [[1] * 6 + [0] * 2]
    assert packed["input_type_ids"].numpy().tolist() == [[0] * 8]
    cut = preprocess.bert_pack_inputs([tokens], seq_length=4)
    assert cut["input_word_ids"].numpy().tolist() == [[2, *ids, 3]]
    # Called as a whole, it pads to the longest of the batch.
    whole = preprocess(tf.constant(["鼠标", "鼠"]))
    assert whole["input_word_ids"].shape == (2, 4)
    special = preprocess.tokenize.get_special_tokens_dict()
    assert special["end_of_segment_id"].numpy() == 3


def test_alone_and_in_a_batch(encoder):
    together = encoder(tf.constant(TEXTS)).numpy()
    assert together.shape == (4, HIDDEN)
    for text, vector in zip(TEXTS, together, strict=True):
        alone = encoder(tf.constant([text])).numpy()[0]
        np.testing.assert_allclose(alone, vector, atol=1e-5)
    distances = np.abs(together[:, None] - together[None]).max(-1)
    assert (distances + np.eye(4) > 1e-3).all()


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("无线\x00\x1b\x7f鼠标", "无线 鼠标"),
        (" 无线\u3000\r\n 鼠标\t", "无线 鼠标"),
        ("無線\u3000鼠標 ＵＳＢ", "无线 鼠标 USB"),
        ("无线".encode() + b"\xe9\xbc" + "鼠标".encode(), "无线 鼠标"),
    ],
)
def test_texts_are_cleaned(encoder, dirty, clean):
    assert encoder._clean(tf.constant([dirty])).numpy()[0].decode() == clean
    got = encoder(tf.constant([dirty, clean])).numpy()
    np.testing.assert_allclose(got[0], got[1], atol=1e-6)


def test_very_long_text(encoder):
    long = "鼠标" * 50_000
    assert encoder.token_counts(tf.constant([long, "鼠"])).numpy().tolist() == [
        128,
        3,
    ]
    got = encoder(tf.constant([long, "鼠标" * 63])).numpy()
    np.testing.assert_allclose(got[0], got[1], atol=1e-5)


def test_settings_choose_length_and_pooling(tiny_bert_paths):
    short = TextEncoder(tiny_bert_paths, seq_length=4)
    got = short(tf.constant(["鼠标静音", "鼠标"])).numpy()
    np.testing.assert_allclose(got[0], got[1], atol=1e-6)
    mean = TextEncoder(tiny_bert_paths, pooling="mean")
    raw = tensorflow_hub.load(str(tiny_bert_paths.encoder))
    preprocess = tensorflow_hub.load(str(tiny_bert_paths.preprocess))
    expected = raw(preprocess(tf.constant(["鼠标"])))["sequence_output"]
    np.testing.assert_allclose(
        mean(tf.constant(["鼠标"]))[0],
        expected.numpy()[0].mean(0),
        atol=1e-6,
    )


def test_description_decides(tmp_path):
    paths = write_tiny_bert(
        tmp_path,
        description={
            "dimension": HIDDEN,
            "seq_length": 16,
            "pooling": "mean",
            "prefixes": {"item": "p", "query": "q"},
            "licence": "none",
        },
    )
    encoder = TextEncoder(paths)
    assert (encoder.seq_length, encoder.pooling) == (16, "mean")
    texts = tf.constant(["鼠标", ""])
    item, query = (encoder(texts, role=r).numpy() for r in ("item", "query"))
    assert np.abs(item[0] - query[0]).max() > 1e-3
    # A prefix does not make a text of nothing.
    assert not item[1].any()
    assert not query[1].any()
    with pytest.raises(ValueError, match="role is 'user'"):
        encoder(texts, role="user")


def test_encode_distinct_equals_each(encoder):
    texts = tf.constant(
        [["鼠标", "", "苹果手机"], [" 鼠标 ", "静音键盘 家用", "\u3000"]]
    )
    flat = encoder(tf.reshape(texts, [-1])).numpy()
    got = tf.function(encoder.encode_distinct)(texts)
    assert got.shape == (2, 3, HIDDEN)
    np.testing.assert_allclose(got.numpy().reshape(6, -1), flat, atol=1e-5)
    assert encoder.encode_distinct(tf.zeros([0], tf.string)).shape == (
        0,
        HIDDEN,
    )
    assert not encoder.encode_distinct(tf.constant(["", " "])).numpy().any()


def test_encode_distinct_runs_in_chunks(encoder):
    texts = [f"{'鼠' * (number % 7)}{number}" for number in range(600)]
    expected = np.concatenate(
        [encoder(tf.constant(texts[i : i + 100])) for i in range(0, 600, 100)]
    )
    got = encoder.encode_distinct(tf.constant(texts * 2)).numpy()
    np.testing.assert_allclose(got[:600], expected, atol=1e-5)
    np.testing.assert_array_equal(got[:600], got[600:])


RELOAD = """
import sys, numpy as np, tensorflow as tf, tensorflow_text
model = tf.saved_model.load(sys.argv[1])
texts = tf.constant(sys.argv[3:])
np.save(sys.argv[2], model.encode(texts).numpy())
"""


def test_saved_inside_another_model(tmp_path):
    """The outer model stands alone: the folders it came from are gone."""
    paths = write_tiny_bert(tmp_path / "hub", seed=4)
    encoder = TextEncoder(paths)
    expected = encoder(tf.constant(TEXTS)).numpy()

    class Outer(tf.Module):
        def __init__(self):
            super().__init__()
            self.text = encoder

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def encode(self, texts):
            return self.text.encode_distinct(texts)

    outer = Outer()
    assert not outer.trainable_variables
    tf.saved_model.save(outer, str(tmp_path / "outer"))
    shutil.rmtree(tmp_path / "hub")
    subprocess.run(
        [
            sys.executable,
            "-c",
            RELOAD,
            str(tmp_path / "outer"),
            str(tmp_path / "got.npy"),
            *TEXTS,
        ],
        check=True,
        capture_output=True,
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "got.npy"), expected, atol=1e-5
    )


def test_digest_is_of_the_content(tmp_path, tiny_bert_paths):
    copied = write_tiny_bert(tmp_path / "same")
    assert copied.digest() == tiny_bert_paths.digest()
    other = write_tiny_bert(tmp_path / "other", seed=1)
    assert other.digest() != tiny_bert_paths.digest()


def test_handles(tmp_path, tiny_bert_paths, monkeypatch):
    short = "tensorflow/bert_zh_L-12_H-768_A-12/4"
    assert full_handle(short) == f"https://tfhub.dev/{short}"
    assert full_handle(str(tmp_path)) == str(tmp_path)
    # A model that stands in the hub library's cache needs no network.
    import hashlib

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    for handle, path in (
        ("tensorflow/bert_zh_preprocess/3", tiny_bert_paths.preprocess),
        (short, tiny_bert_paths.encoder),
    ):
        name = hashlib.sha1(full_handle(handle).encode()).hexdigest()
        shutil.copytree(path, tmp_path / name)
    loaded = TextEncoder.from_settings(TextSettings())
    assert loaded.dimension == HIDDEN


def test_unreachable_hub_says_the_offline_way(tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    handle = "https://127.0.0.1:9/bert/3"
    with pytest.raises(MissingDependencyError) as error:
        resolve(handle, handle)
    message = str(error.value)
    assert handle in message
    assert "daogou encoder build" in message
    assert "\n" not in message


def test_encoder_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="daogou encoder build"):
        TextEncoder.load("e5-small-zh", "e5-small-zh")
    with pytest.raises(MissingDependencyError, match="No text model at"):
        resolve(str(tmp_path / "a"), str(tmp_path / "b"))


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"pooling": "max"}', '{"prefixes": {"user": "x"}}'],
)
def test_bad_description(tmp_path, content):
    path = tmp_path / "assets.extra" / "daogou.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DataError, match=r"daogou\.json"):
        Description.read(tmp_path)


def test_settings_are_checked():
    with pytest.raises(SettingsError, match="seq_length is 3"):
        TextSettings(seq_length=3)
    with pytest.raises(SettingsError, match="preprocess is 'e5-small-zh'"):
        TextSettings(preprocess="e5-small-zh")
    settings = TextSettings(preprocess="e5-small-zh", encoder="e5-small-zh")
    assert TextSettings.from_json(settings.to_json()) == settings
    assert json.loads(settings.to_json())["pooling"] == ""
