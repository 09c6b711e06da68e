"""Queries by a small encoder, items by its teacher."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from components.text_embedding.pipeline import run_text_embedding
from models.catalogue_files import read_text_vectors
from models.text.hub import TextEncoder
from models.text.settings import TextSettings
from models.training.encoders import text_encoder
from schema.errors import DataError
from schema.settings import SettingsError
from tests.components.text_embedding.inputs import write_inputs
from tests.encoders import HIDDEN, write_tiny_bert

beam = pytest.importorskip("apache_beam", reason="Beam is not installed")

ITEMS = {"i1": "无线鼠标 静音", "i2": "苹果手机", "i3": ""}
QUERIES = ["无线鼠标 静音", "键盘"]


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("large"))


def small_one(folder, teacher, dimension=HIDDEN):
    return write_tiny_bert(
        folder,
        seed=5,
        description={"teacher": teacher, "dimension": dimension},
    )


@pytest.fixture(scope="module")
def small(large, tmp_path_factory):
    return small_one(tmp_path_factory.mktemp("small"), large.digest())


def settings_of(items, queries, **more):
    return TextSettings(
        preprocess=str(items.preprocess),
        encoder=str(items.encoder),
        query_preprocess=str(queries.preprocess),
        query_encoder=str(queries.encoder),
        shards=2,
        **more,
    )


def run(folder, settings):
    texts = {item_id: text.encode() for item_id, text in ITEMS.items()}
    paths = write_inputs(folder, texts, QUERIES)
    run_text_embedding(paths, settings, beam.Pipeline())
    about = json.loads((folder / "vectors/encoder.json").read_text("utf-8"))
    vectors = {}
    for key in ("item_id", "query"):
        keys, rows, _ = read_text_vectors(paths.text_vectors, key)
        vectors |= dict(zip((k.decode() for k in keys), rows, strict=True))
    return vectors, about


def test_each_role_has_its_encoder(tmp_path, large, small):
    settings = settings_of(large, small, seq_length=5)
    vectors, about = run(tmp_path, settings)
    assert sorted(vectors) == sorted(["i1", "i2", *QUERIES])
    of_items = TextEncoder(large, seq_length=5)
    expected = of_items(tf.constant([ITEMS["i1"]]), role="item")[0]
    np.testing.assert_allclose(vectors["i1"], expected, atol=1e-5)
    # What is set for items is not what the other encoder wants.
    of_queries = TextEncoder(small)
    expected = of_queries(tf.constant(QUERIES[:1]), role="query")[0]
    np.testing.assert_allclose(vectors[QUERIES[0]], expected, atol=1e-5)
    assert not np.allclose(vectors["i1"], vectors[QUERIES[0]], atol=1e-2)
    assert about["digest"] == of_items.digest
    assert about["query"]["digest"] == of_queries.digest
    assert (about["seq_length"], about["query"]["seq_length"]) == (5, 128)

    # The model that is trained on these vectors carries both.
    pair = text_encoder(about)
    texts = tf.constant([[ITEMS["i1"], ""], ["键盘", ITEMS["i1"]]])
    for role, encoder in (("item", of_items), ("query", of_queries)):
        np.testing.assert_allclose(
            pair.encode_distinct(texts, role=role),
            encoder.encode_distinct(texts, role=role),
            atol=1e-5,
        )
    assert pair.encode_distinct(texts).shape == (2, 2, HIDDEN)


def test_each_encoder_has_its_cache(tmp_path, large, small):
    settings = settings_of(large, small, cache_dir=str(tmp_path / "cache"))
    first, about = run(tmp_path, settings)
    assert (about["encoded"], about["from_cache"]) == (4, 0)
    second, about = run(tmp_path, settings)
    assert (about["encoded"], about["from_cache"]) == (0, 4)
    assert first.keys() == second.keys()
    for key, vector in first.items():
        np.testing.assert_array_equal(vector, second[key])
    # Queries of the large encoder were never made, its items were.
    alone = dataclasses.replace(settings, query_preprocess="", query_encoder="")
    _, about = run(tmp_path, alone)
    assert (about["encoded"], about["from_cache"]) == (2, 2)
    assert "query" not in about


def test_vectors_must_share_a_space(tmp_path, large):
    stranger = small_one(tmp_path / "stranger", "0123456789abcdef")
    with pytest.raises(DataError, match="learnt from 0123456789ab; allowed"):
        run(tmp_path, settings_of(large, stranger))
    nobodys = write_tiny_bert(tmp_path / "nobodys")
    with pytest.raises(DataError, match="learnt from no other encoder"):
        run(tmp_path, settings_of(large, nobodys))
    of_items = write_tiny_bert(
        tmp_path / "items", description={"dimension": HIDDEN}
    )
    short = small_one(tmp_path / "short", of_items.digest(), dimension=16)
    with pytest.raises(DataError, match=f"16 numbers; allowed: {HIDDEN}"):
        run(tmp_path, settings_of(of_items, short))
    assert not (tmp_path / "vectors").exists()


def test_settings_name_both_models_or_none():
    with pytest.raises(SettingsError, match="exactly if query_encoder is"):
        TextSettings(query_preprocess="./student")
    with pytest.raises(SettingsError, match="query_preprocess is 'student'"):
        TextSettings(query_preprocess="student", query_encoder="./student")
    both = TextSettings(
        query_preprocess="student", query_encoder="student", pooling="mean"
    )
    assert both.for_role("query") == TextSettings(
        preprocess="student", encoder="student"
    )
    assert both.for_role("item") == TextSettings(pooling="mean")
