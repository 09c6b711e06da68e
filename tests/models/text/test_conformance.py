"""Every use that the project makes of an encoder, with any encoder.

A small BERT with Google's Chinese vocabulary behind TF-Hub's interface, an
imported checkpoint, the built E5, and, where tf-models-official is installed,
what the exporter of TF-Hub's own BERTs writes: nothing knows which one it has.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import apache_beam as beam
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_hub

from components.text_embedding.pipeline import run_text_embedding
from models.requests import request_spec, retrieved_spec
from models.text.hub import TextEncoder
from models.text.hugging_face.importing import Choices, import_folder
from models.text.resolve import Description, EncoderPaths
from models.text.settings import TextSettings
from tests import small_shop
from tests.checkpoints import write_checkpoint
from tests.components.text_embedding.inputs import write_inputs
from tests.encoders import HIDDEN, VOCABULARY, write_tiny_bert

GOOGLE = (
    pathlib.Path(__file__).parents[4] / "shared/data/vocab/vocab_bert_zh.txt"
)
TEXTS = ["无线鼠标 静音", "苹果手机 Pro 13", "夏季 连衣裙", "键盘"]
ENCODERS = ("bert", "imported", "e5", "official")


@pytest.fixture(scope="module", params=ENCODERS)
def paths(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "bert":
        # Where Google's vocabulary is not at hand, the test's own.
        found = GOOGLE.is_file() and GOOGLE.read_text("utf-8").split("\n")[:-1]
        return write_tiny_bert(
            folder, **({"vocabulary": found} if found else {})
        )
    if request.param == "imported":
        return import_folder(
            write_checkpoint(folder / "hf"),
            folder / "made",
            choices=Choices(
                pooling="cls", seq_length=32, prefixes={"query": "手机 "}
            ),
        ).paths
    if request.param == "official":
        return write_official(folder)
    return request.getfixturevalue("e5_paths")


def write_official(folder):
    """Exports a BERT as those under `tensorflow/bert_zh_…` were."""
    exporter = pytest.importorskip(
        "official.nlp.tools.export_tfhub_lib",
        reason="tf-models-official is not in the lock file",
    )
    from official.legacy.bert import configs

    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    config = configs.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    exporter.export_preprocessing(
        str(folder / "preprocess"),
        vocab_file=str(vocabulary),
        do_lower_case=True,
        default_seq_length=128,
        tokenize_with_offsets=False,
    )
    saved = tf.train.Checkpoint(encoder=exporter.get_bert_encoder(config))
    exporter.export_model(
        str(folder / "encoder"),
        bert_config=config,
        model_checkpoint_path=saved.save(str(folder / "checkpoint")),
        with_mlm=False,
        vocab_file=str(vocabulary),
        do_lower_case=True,
    )
    return EncoderPaths(
        preprocess=folder / "preprocess", encoder=folder / "encoder"
    )


@pytest.fixture(scope="module")
def encoder(paths):
    return TextEncoder(paths)


def cosines(one, other):
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return (one * other).sum(-1) / norms


def test_interface(paths, encoder):
    """What TF-Hub's collection promises for text encoders."""
    preprocess = tensorflow_hub.load(str(paths.preprocess))
    network = tensorflow_hub.load(str(paths.encoder))
    texts = tf.constant(TEXTS)
    tokens = preprocess.tokenize(texts)
    assert isinstance(tokens, tf.RaggedTensor)
    assert tokens.dtype == tf.int32
    packed = preprocess.bert_pack_inputs([tokens], seq_length=12)
    assert set(packed) == {"input_word_ids", "input_mask", "input_type_ids"}
    special = {
        name: value.numpy()
        for name, value in preprocess.tokenize.get_special_tokens_dict().items()
    }
    for name, values in packed.items():
        assert values.dtype == tf.int32, name
        assert values.shape == (4, 12), name
    ids, mask = packed["input_word_ids"].numpy(), packed["input_mask"].numpy()
    assert (ids[:, 0] == special["start_of_sequence_id"]).all()
    for row, length in zip(ids, mask.sum(1), strict=True):
        assert row[length - 1] == special["end_of_segment_id"]
        assert (row[length:] == special["padding_id"]).all()
    outputs = network(packed)
    assert set(outputs) == {
        "pooled_output",
        "sequence_output",
        "encoder_outputs",
        "default",
    }
    assert outputs["pooled_output"].shape == (4, encoder.dimension)
    np.testing.assert_array_equal(outputs["default"], outputs["pooled_output"])
    assert outputs["sequence_output"].shape[:2] == (4, 12)
    np.testing.assert_array_equal(
        outputs["encoder_outputs"][-1], outputs["sequence_output"]
    )


def test_trained_through_keras_layer(paths):
    preprocess = tensorflow_hub.load(str(paths.preprocess))
    layer = tensorflow_hub.KerasLayer(str(paths.encoder), trainable=True)
    inputs = preprocess(tf.constant(TEXTS[:2]))
    target = tf.one_hot([0, 1], layer(inputs)["pooled_output"].shape[1])

    def loss(training):
        found = layer(inputs, training=training)["pooled_output"]
        return tf.reduce_mean(tf.square(found - target))

    before = loss(training=False)
    with tf.GradientTape() as tape:
        trained = loss(training=True)
    variables = layer.trainable_variables
    gradients = tape.gradient(trained, variables)
    assert all(gradient is not None for gradient in gradients)
    starts = [variable.numpy() for variable in variables]
    tf.keras.optimizers.Adam(1e-4).apply_gradients(
        zip(gradients, variables, strict=True)
    )
    changed = [
        np.abs(variable.numpy() - start).max() > 0
        for variable, start in zip(variables, starts, strict=True)
    ]
    # But for biases whose gradient vanishes, every variable moved.
    assert np.mean(changed) > 0.9
    assert loss(training=False) < before


def test_roles_lengths_and_batches(paths, encoder):
    texts = tf.constant([*TEXTS, "", TEXTS[0]])
    about = Description.read(paths.encoder)
    assert encoder.seq_length == about.seq_length
    assert about.dimension in {0, encoder.dimension}
    by_role = {}
    for role in ("item", "query"):
        got = by_role[role] = encoder(texts, role=role).numpy()
        assert got.shape == (6, encoder.dimension)
        assert not got[4].any()
        np.testing.assert_allclose(got[5], got[0], atol=1e-5)
        distinct = encoder.encode_distinct(texts[tf.newaxis], role=role)
        np.testing.assert_allclose(distinct[0], got, atol=1e-5)
        # A role's prefix is the description's, and nothing else.
        prefix = about.prefixes.get(role, "")
        preprocess = tensorflow_hub.load(str(paths.preprocess))
        tokens = preprocess.tokenize(
            tf.constant([prefix + text for text in TEXTS])
        )
        if tokens.ragged_rank == 2:
            tokens = tokens.merge_dims(1, 2)
        np.testing.assert_array_equal(
            encoder.token_counts(tf.constant(TEXTS), role=role),
            tokens.row_lengths() + 2,
        )
    differ = np.abs(by_role["item"][:4] - by_role["query"][:4]).max() > 1e-3
    assert differ == (len(set(about.prefixes.values())) > 0)


def test_digest_is_of_the_content(paths, encoder, tmp_path):
    shutil.copytree(paths.encoder, tmp_path / "encoder")
    shutil.copytree(paths.preprocess, tmp_path / "preprocess")
    copied = type(paths)(
        preprocess=tmp_path / "preprocess", encoder=tmp_path / "encoder"
    )
    assert copied.digest() == encoder.digest
    [weights] = (tmp_path / "encoder/variables").glob("*.data-*")
    with weights.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)[0]
        file.seek(-1, 2)
        file.write(bytes([last ^ 1]))
    assert copied.digest() != encoder.digest


def test_in_beam(paths, encoder, tmp_path):
    items = {f"i{n}": text.encode() for n, text in enumerate(TEXTS)}
    inputs = write_inputs(tmp_path, items | {"i9": b""}, TEXTS[:2])
    settings = TextSettings(
        preprocess=str(paths.preprocess),
        encoder=str(paths.encoder),
        batch_tokens=64,
        shards=2,
    )
    run_text_embedding(inputs, settings, beam.Pipeline())
    for name, key, role, keys in (
        ("items", "item_id", "item", list(items)),
        ("queries", "query", "query", TEXTS[:2]),
    ):
        table = pq.read_table(f"{inputs.text_vectors}/{name}.parquet")
        got = dict(
            zip(
                table[key].to_pylist(), table["vector"].to_pylist(), strict=True
            )
        )
        assert sorted(got) == sorted(keys)
        expected = encoder(tf.constant(TEXTS[: len(keys)]), role=role).numpy()
        np.testing.assert_allclose(
            np.array([got[each] for each in keys]), expected, atol=1e-5
        )
    about = json.loads(
        pathlib.Path(inputs.text_vectors, "encoder.json").read_text("utf-8")
    )
    assert about["dimension"] == encoder.dimension
    assert about["digest"] == encoder.digest


@pytest.mark.parametrize(
    "text",
    [
        b"",
        " \u3000\t\r\n",
        "\x00\x1b\x7f\x85",
        b"\xff\xfe\xfa",
        "\ufeff\u200b \u2060\u200d\ufe0f",
    ],
    ids=["empty", "space", "control", "broken", "invisible"],
)
def test_texts_of_nothing(encoder, text):
    got = encoder(tf.constant([text, "鼠标"])).numpy()
    assert not got[0].any()
    assert got[1].any()
    distinct = encoder.encode_distinct(tf.constant([text])).numpy()
    assert not distinct.any()


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("无线\x00\x1b\x7f鼠标", "无线 鼠标"),
        (" 无线\u3000\r\n 鼠标\t", "无线 鼠标"),
        ("无线".encode() + b"\xe9\xbc" + "鼠标".encode(), "无线 鼠标"),
        ("無線　ＰＲＯ", "无线 PRO"),
    ],
    ids=["control", "space", "broken", "forms"],
)
def test_texts_that_are_mended(encoder, dirty, clean):
    got = encoder(tf.constant([dirty, clean])).numpy()
    assert cosines(got[0], got[1]) > 0.99999
    assert np.linalg.norm(got[0]) > 0.1


def test_odd_texts_have_vectors(encoder):
    """Emoji, many scripts, one endless word, and 100,000 characters."""
    texts = [
        "😀🎁👨‍👩‍👧",
        "苹果 iPhone テスト телефон مرحبا 한국어 ½ ①",
        "x" * 5000,
        "鼠标" * 50_000,
        "无线鼠标",
    ]
    together = encoder(tf.constant(texts)).numpy()
    assert np.isfinite(together).all()
    assert (np.linalg.norm(together, axis=1) > 0.1).all()
    for text, vector in zip(texts, together, strict=True):
        alone = encoder(tf.constant([text])).numpy()[0]
        np.testing.assert_allclose(alone, vector, atol=1e-4)
    counts = encoder.token_counts(tf.constant(texts)).numpy()
    assert counts.max() == encoder.seq_length
    assert counts.min() > 2
    # What is beyond the longest sequence changes nothing.
    cut = encoder(tf.constant(["鼠标" * encoder.seq_length])).numpy()[0]
    assert cosines(cut, together[3]) > 0.99999


class Inside(tf.Module):
    """Another model, of which the encoder is a part."""

    def __init__(self, encoder: TextEncoder):
        super().__init__()
        self.text = encoder

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def items(self, texts):
        return self.text.encode_distinct(texts, role="item")


def test_inside_another_model(encoder, tmp_path):
    outer = Inside(encoder)
    assert not outer.trainable_variables
    tf.saved_model.save(outer, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    texts = tf.constant([*TEXTS, ""])
    np.testing.assert_allclose(
        loaded.items(texts), encoder(texts, role="item"), atol=1e-5
    )


class Shop(small_shop.SmallModel):
    """The small shop, but that items and queries are their texts."""

    def __init__(self, encoder: TextEncoder):
        super().__init__()
        self.text = encoder
        vectors = encoder(tf.constant(small_shop.TITLES), role="item")
        self.mean = tf.Variable(tf.reduce_mean(vectors, 0))
        self.vectors = tf.Variable(self.centred(vectors))

    def centred(self, vectors):
        return tf.math.l2_normalize(vectors - self.mean, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def encode_queries(self, query):
        return self.text.encode_distinct(query, role="query")

    def query(self, request, text):
        return self.centred(text)

    @tf.function(
        input_signature=[
            request_spec(),
            small_shop.ENCODED,
            retrieved_spec(),
            tf.TensorSpec([None, None], tf.int32),
        ]
    )
    def rank_scores(self, request, text, retrieved, item_rows):
        vectors = tf.gather(self.vectors, item_rows)
        fit = tf.linalg.matvec(vectors, retrieved["query"])
        return {"score": fit, "p_click": tf.sigmoid(fit)}


FRESH = """
import json, sys
from serving.in_process import Recommender
from serving.requests import Request
answer = Recommender(sys.argv[1]).search(Request(query=sys.argv[2]), 5)
print(json.dumps([title.decode() for title in answer["titles"][0]]))
"""


@pytest.mark.parametrize("paths", ["bert"], indirect=True)
def test_search_in_the_servable(encoder, tmp_path, monkeypatch):
    """Exported in a model and a servable, and asked in a new process.

    The end-to-end test does so with the built encoder.
    """
    shop = Shop(encoder)
    monkeypatch.setattr(small_shop, "SmallModel", lambda: shop)
    monkeypatch.setattr(small_shop, "TEXT_DIMENSION", encoder.dimension)
    servable = small_shop.build_servable(tmp_path, retrieve_k=20)
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(servable), small_shop.TITLES[7]],
        check=True,
        capture_output=True,
        text=True,
    )
    titles = json.loads(done.stdout.splitlines()[-1])
    assert titles[0] == small_shop.TITLES[7]
