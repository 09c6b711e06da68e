import json

import numpy as np
import pytest
import tensorflow as tf

from components.item_index import building
from models.index import scann
from models.index.settings import IndexSettings
from schema.errors import DataError
from tests import small_shop

SETTINGS = IndexSettings(k=100, brute_force_limit=0, max_history=5)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    small_shop.save_model(folder / "model")
    small_shop.write_behaviour(folder / "behaviour", "sequence_train", 40)
    return folder


@pytest.fixture(scope="module")
def built(shop):
    splits = [
        shop / "behaviour" / "Split-sequence_eval",
        shop / "behaviour" / "Split-sequence_train",
    ]
    return building.build(shop / "model", splits, shop / "index", SETTINGS)


def test_reports_what_was_measured(shop, built):
    index = json.loads((shop / "index" / "index.json").read_text("utf-8"))
    assert index == built
    assert index["kind"] == "exact"
    assert index["items"] == small_shop.NUM_ITEMS
    assert index["dimension"] == small_shop.DIMENSION
    # The split that is absent gives way to the next.
    assert index["queries"] == 40
    assert 0.95 <= index["recall@100"] <= 1
    assert 0.95 <= index["tail_recall@100"] <= 1
    assert 1 <= index["leaves_searched"] <= index["leaves"]


def test_the_recall_is_that_of_real_query_vectors(shop, built):
    model = tf.saved_model.load(str(shop / "model"))
    queries = building.query_vectors(
        model, [shop / "behaviour" / "Split-sequence_train"], SETTINGS
    )
    vectors = np.load(shop / "index" / "vectors.npy")
    np.testing.assert_array_equal(vectors, model.item_vectors())
    index = scann.ScannIndex.load(shop / "index" / "scann")
    rows, _ = index.search(queries, 100, np.zeros((40, 0), np.int32))
    best = np.argsort(-queries @ vectors.T, axis=1)[:, :100]
    shared = [len(set(a) & set(b)) for a, b in zip(rows, best, strict=True)]
    assert np.mean(shared) / 100 == pytest.approx(built["recall@100"])


def test_item_ids_stand_in_the_order_of_vectors(shop, built):
    path = shop / "index" / "item_ids.txt"
    assert path.read_text("utf-8").splitlines() == small_shop.ITEM_IDS
    assert building.read_item_ids(path) == [
        item_id.encode() for item_id in small_shop.ITEM_IDS
    ]


def test_needs_behaviour_to_measure_with(shop, tmp_path):
    with pytest.raises(DataError, match="no behaviour examples"):
        building.build(
            shop / "model", [tmp_path / "Split-none"], tmp_path, SETTINGS
        )


def test_refuses_ids_with_line_breaks(tmp_path):
    with pytest.raises(DataError, match="row 1 is b'b"):
        building.write_item_ids(tmp_path / "ids", [b"a", b"b\nc"])
