"""The node's Beam pipeline with a BERT as hubs have them."""

import json
import pickle

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from apache_beam.utils import shared

from components.text_embedding import cache
from components.text_embedding.encoding import (
    EncodeShard,
    Worker,
    threads_a_worker,
)
from components.text_embedding.pipeline import run_text_embedding
from models.text.hub import TextEncoder
from models.text.settings import TextSettings
from schema.errors import DataError, MissingDependencyError
from tests.components.text_embedding.inputs import write_inputs
from tests.encoders import HIDDEN, write_tiny_bert

ITEMS = {
    "i1": "无线鼠标 静音".encode(),
    "i2": "苹果手机".encode(),
    "i3": "无线鼠标 静音".encode(),
    "i4": b"",
    "i5": b" \xe3\x80\x80\n",
    "i6": b"\x00\x1b",
    "i7": "夏季".encode() + b"\xe9\xbc" + "连衣裙\x07".encode(),
    "i8": ("鼠标" * 50_000).encode(),
}
QUERIES = ["无线鼠标 静音", "键盘", "便宜的童鞋", ""]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write_tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def encoder(bert):
    return TextEncoder(bert)


def settings_of(bert, cache_dir=""):
    return TextSettings(
        preprocess=str(bert.preprocess),
        encoder=str(bert.encoder),
        batch_tokens=256,
        shards=2,
        cache_dir=str(cache_dir),
    )


def run(paths, settings):
    run_text_embedding(paths, settings, beam.Pipeline())
    rows = []
    for name, column in (("items", "item_id"), ("queries", "query")):
        table = pq.read_table(f"{paths.text_vectors}/{name}.parquet")
        texts = ["text"] if column == "item_id" else []
        assert table.schema.names == [column, *texts, "vector"]
        assert table["vector"].type == pa.list_(pa.float32())
        rows.append(
            {
                row[column]: np.array(row["vector"], np.float32)
                for row in table.to_pylist()
            }
        )
        assert len(rows[-1]) == table.num_rows
    with open(f"{paths.text_vectors}/encoder.json", encoding="utf-8") as file:
        return *rows, json.load(file)


def test_vectors_of_all_that_has_text(tmp_path, bert, encoder):
    paths = write_inputs(tmp_path, ITEMS, QUERIES)
    items, queries, about = run(paths, settings_of(bert))
    assert sorted(items) == ["i1", "i2", "i3", "i7", "i8"]
    assert sorted(queries) == sorted(QUERIES[:3])
    for item_id, vector in items.items():
        expected = encoder(tf.constant([ITEMS[item_id]]), role="item")[0]
        np.testing.assert_allclose(vector, expected, atol=1e-5)
    for query, vector in queries.items():
        expected = encoder(tf.constant([query]), role="query")[0]
        np.testing.assert_allclose(vector, expected, atol=1e-5)
    table = pq.read_table(f"{paths.text_vectors}/items.parquet")
    texts = dict(
        zip(
            table["item_id"].to_pylist(), table["text"].to_pylist(), strict=True
        )
    )
    # The very bytes that were encoded.
    assert texts == {item_id: ITEMS[item_id] for item_id in items}
    np.testing.assert_array_equal(items["i1"], items["i3"])
    clean = encoder(tf.constant(["夏季 连衣裙"]), role="item")[0]
    np.testing.assert_allclose(items["i7"], clean, atol=1e-5)
    # i1 and i3 share a text; i6 went in, and nothing was left of it.
    assert about["encoded"] == 5 + 3
    assert about["from_cache"] == 0
    assert about["dimension"] == HIDDEN
    assert about["digest"] == encoder.digest
    assert about["preprocess"] == str(bert.preprocess)
    assert about["encoder"] == about["encoder_path"] == str(bert.encoder)


def test_second_run_encodes_nothing(tmp_path, bert, monkeypatch):
    settings = settings_of(bert, tmp_path / "cache")
    paths = write_inputs(tmp_path, ITEMS, QUERIES)
    first = run(paths, settings)
    assert (first[2]["encoded"], first[2]["from_cache"]) == (8, 0)

    def refuse(*_, **__):
        raise AssertionError("the encoder was loaded")

    with monkeypatch.context() as patch:
        patch.setattr(TextEncoder, "from_settings", refuse)
        second = run(paths, settings)
    assert (second[2]["encoded"], second[2]["from_cache"]) == (0, 8)
    for one, two in zip(first[:2], second[:2], strict=True):
        assert sorted(one) == sorted(two)
        for key, vector in one.items():
            np.testing.assert_array_equal(vector, two[key])
    # New texts are the only ones to be encoded, those of all shards at once.
    files = set((tmp_path / "cache").rglob("*.parquet"))
    more = {f"n{row}": f"电饭煲 {row}".encode() for row in range(12)}
    paths = write_inputs(tmp_path, ITEMS | more, QUERIES)
    items, _, about = run(paths, settings)
    assert set(more) < set(items)
    assert (about["encoded"], about["from_cache"]) == (12, 8)
    (file,) = set((tmp_path / "cache").rglob("*.parquet")) - files
    assert pq.read_metadata(file).num_rows == 12
    keys = cache.key_array(cache.text_key("item", t) for t in more.values())
    assert set(cache.shard_of(keys, settings.shards)) == {0, 1}
    # What the rows went through on their way is gone.
    assert {path.name for path in (tmp_path / "vectors").iterdir()} == {
        "items.parquet", "queries.parquet", "encoder.json",
    }  # fmt: skip


def test_damaged_cache_is_encoded_again(tmp_path, bert):
    settings = settings_of(bert, tmp_path / "cache")
    paths = write_inputs(tmp_path, ITEMS, QUERIES)
    first = run(paths, settings)
    files = sorted((tmp_path / "cache").rglob("*.parquet"))
    for path in files:
        path.write_bytes(path.read_bytes()[:-20])
    second = run(paths, settings)
    assert (second[2]["encoded"], second[2]["from_cache"]) == (8, 0)
    np.testing.assert_array_equal(first[0]["i2"], second[0]["i2"])
    # And the cache is whole again.
    assert run(paths, settings)[2]["encoded"] == 0


def test_another_encoder_has_its_own_cache(tmp_path, bert):
    paths = write_inputs(tmp_path, {"i1": ITEMS["i1"]}, [])
    run(paths, settings_of(bert, tmp_path / "cache"))
    other = write_tiny_bert(tmp_path / "other", seed=7)
    items, _, about = run(paths, settings_of(other, tmp_path / "cache"))
    assert about["encoded"] == 1
    expected = TextEncoder(other)(tf.constant([ITEMS["i1"]]), role="item")
    np.testing.assert_allclose(items["i1"], expected[0], atol=1e-5)


def test_no_text_at_all(tmp_path, bert):
    paths = write_inputs(tmp_path, {"i1": b"", "i2": b"  "}, [])
    items, queries, about = run(paths, settings_of(bert))
    assert (items, queries) == ({}, {})
    assert (about["encoded"], about["dimension"]) == (0, HIDDEN)


def test_bad_input_is_named(tmp_path, bert):
    settings = settings_of(bert)
    paths = write_inputs(tmp_path, {b"\xff1": "鼠标".encode()}, [])
    with pytest.raises(DataError, match=r"catalogue item_id is b'\\xff1'"):
        run(paths, settings)
    paths = write_inputs(tmp_path, {"i1": "鼠标".encode()}, [])
    table = pa.table({"query": pa.array([b"\xff2"], pa.binary())})
    pq.write_table(table, tmp_path / "queries" / "queries.parquet")
    with pytest.raises(DataError, match=r"queries\.parquet query is b'\\xff2'"):
        run(paths, settings)
    (tmp_path / "queries" / "queries.parquet").unlink()
    with pytest.raises(DataError, match=r"queries\.parquet is missing"):
        run(paths, settings)


def test_encoder_that_is_not_there(tmp_path):
    paths = write_inputs(tmp_path, ITEMS, QUERIES)
    settings = TextSettings(
        preprocess=str(tmp_path / "no"), encoder=str(tmp_path / "no")
    )
    with pytest.raises(MissingDependencyError, match="No text model at"):
        run(paths, settings)


def test_workers_can_be_sent(bert):
    worker = Worker(settings=settings_of(bert), cache_dir="", threads=1)
    step = EncodeShard("item", worker, shared.Shared(), "vectors")
    assert pickle.loads(pickle.dumps(step))._worker == worker


def test_threads():
    import os

    cores = len(os.sched_getaffinity(0))
    assert threads_a_worker("in_memory", 1) == 0
    assert threads_a_worker("multi_processing", 1) == cores
    assert threads_a_worker("multi_processing", 0) == 1
    assert threads_a_worker("multi_processing", 4 * cores) == 1
