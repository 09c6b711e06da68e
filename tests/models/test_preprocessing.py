"""The real TF Transform on a tiny shop with values missing."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

import models  # noqa: F401  chooses Keras 2
from models import inputs, local_time, preprocessing
from models.catalogue_files import read_items
from models.features import MAX_TAGS
from models.training.data import split_files
from schema import loader
from schema.contract import EVENT_TYPES
from schema.errors import DataError
from tests.models.conftest import items as shop_items
from tests.models.conftest import transform


@pytest.fixture(scope="module")
def items(tiny_shop):
    columns = read_items(split_files(tiny_shop.items, "all"))
    assert columns["item_id"].tolist() == [b"i%02d" % n for n in range(24)]
    return columns


@pytest.fixture(scope="module")
def sequences(tiny_shop):
    files = split_files(tiny_shop.examples, "sequence_train")
    records = tf.data.TFRecordDataset(files, "GZIP").batch(100)
    spec = inputs.parsing_spec(("click", "buy"))
    return next(iter(records.map(lambda x: tf.io.parse_example(x, spec))))


def test_a_category_is_indexed_level_by_level(items):
    one, two, three = (items[f"category_{n}"] for n in (1, 2, 3))
    assert one[4] == two[4] == three[4] == 0  # unknown
    for level in (one, two, three):
        known = np.delete(level, 4)
        assert len(set(known)) == 3
        assert (known > 0).all()
        assert known[0] == known[3]


def test_vocabularies_of_levels_keep_the_path(tiny_shop):
    graph = tft.TFTransformOutput(tiny_shop.item_transform_graph)

    def words(name):
        return {w.decode() for w in graph.vocabulary_by_name(name)}

    assert words("category_1") == {"家电", "电脑", "服饰"}
    # A path that ends earlier stays as it is.
    assert words("category_2") == {"家电/厨房", "电脑/外设", "服饰"}
    assert words("category_3") == {"家电/厨房/电饭煲", "电脑/外设", "服饰"}


def test_unknown_prices_have_a_bucket_of_their_own(items):
    assert items["price_bucket"][7] == 0
    assert items["log_price"][7] == 0
    known = np.delete(items["price_bucket"], 7)
    assert known.min() == 1
    assert (np.diff(known) >= 0).all()
    logs = np.log1p(10.0 * (np.delete(np.arange(24), 7) + 1))
    np.testing.assert_allclose(
        np.delete(items["log_price"], 7),
        (logs - logs.mean()) / logs.std(),
        atol=1e-4,
    )


def test_ages_count_from_the_newest_listing(items):
    # i1 is the newest; i2 one day before it, i4 three, i8 seven.
    assert items["age_bucket"][[1, 2, 4, 8]].tolist() == [1, 2, 3, 4]
    assert items["age_bucket"][[0, 6, 12]].tolist() == [0, 0, 0]


def test_brands_and_unknown(items):
    assert set(items["brand_index"]) == {0, 1, 2}
    assert (items["brand_index"][2::3] == 0).all()


def test_tags_that_items_share_are_indexed_by_how_many_have_them(
    tiny_shop, items
):
    """Those of one item alone, and of none, are unknown."""
    graph = tft.TFTransformOutput(tiny_shop.item_transform_graph)
    words = graph.vocabulary_by_name("tags_index")
    assert [word.decode() for word in words] == ["电器", "静音"]
    tags = items["tags_index"]
    assert tags.shape == (24, MAX_TAGS)
    assert (tags[0::3, :2] == [1, 2]).all()
    assert (tags[1::3, :2] == [1, 0]).all()
    assert (tags[2::3] == 0).all()
    assert (tags[:, 2:] == 0).all()


def test_a_catalogue_without_tags_has_none(tmp_path):
    transform(
        {"all": shop_items(tagged=False)},
        preprocessing.item_preprocessing_fn,
        loader.load("catalogue"),
        tmp_path,
    )
    columns = read_items(split_files(str(tmp_path), "all"))
    assert columns["tags_index"].tolist() == [[0] * MAX_TAGS] * 24
    graph = tft.TFTransformOutput(str(tmp_path / "graph"))
    assert graph.vocabulary_size_by_name("tags_index") <= 1


def test_histories_stay_as_they_were(sequences):
    order = np.argsort(sequences["user_id"].numpy())
    assert sequences["history_item_ids"].shape == (40, 12)
    events = sequences["history_event_indices"].numpy()[order]
    assert (events == 1 + EVENT_TYPES.index("click")).all()
    assert (np.diff(sequences["history_timestamps"].numpy()) == 60).all()


def test_context_is_indexed_and_unknown_is_zero(sequences):
    users = [int(u[1:]) for u in sequences["user_id"].numpy()]
    cities = sequences["city_index"].numpy()
    unknown = np.array([user % 3 == 1 for user in users])
    assert (cities[unknown] == 0).all()
    assert set(cities[~unknown]) == {1, 2}
    # Nothing but "" in the data: no vocabulary, all unknown.
    assert (sequences["age_band_index"].numpy() == 0).all()


def test_hours_and_weekdays_are_local():
    # 2023-11-14 22:13:20 UTC, a Tuesday, is Wednesday 6 o'clock in China.
    time = tf.constant([1_700_000_000], tf.int64)
    assert local_time.local_hour(time).numpy().tolist() == [6]
    assert local_time.local_weekday(time).numpy().tolist() == [2]


def test_event_types_are_numbered_from_one():
    names = tf.constant([EVENT_TYPES[0], "", "bought", EVENT_TYPES[-1]])
    found = preprocessing.event_indices(names).numpy().tolist()
    assert found == [1, 0, 0, len(EVENT_TYPES)]


def test_a_missing_feature_is_named():
    with pytest.raises(DataError, match="catalogue: feature 'item_id'"):
        preprocessing.item_preprocessing_fn({"price": tf.zeros([2, 1])})
