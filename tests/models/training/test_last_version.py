"""Rows go where their token is, whatever place it had before."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.features import ITEM_FEATURES
from models.inputs import CONTEXT
from models.item_table import ItemTable
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.training.last_version import ITEMS, LastVersion, named_weights
from models.training.learned_users import Choices, LearnedUsers
from schema.errors import DataError

SETTINGS = ModelSettings(
    heads=("click=click", "buy=buy"),
    positive_event_types=("click",),
    max_history=2,
    dimension=8,
    num_blocks=1,
)
ENCODER = {"dimension": 2, "digest": "abc", "encoder": "e", "encoded": 7}
NOBODY = LearnedUsers.of(
    Choices(
        users=np.zeros(0, np.int64),
        owner=np.zeros(0, np.int64),
        times=np.zeros(0, np.int64),
    )
)


def vocabularies(brands, cities):
    names = [f.name for f in (*ITEM_FEATURES, *CONTEXT) if f.size < 0]
    return {name: [b"same"] for name in names} | {
        "brand_index": brands,
        "city_index": cities,
    }


def shop(folder, ids, known, settings=SETTINGS, seed=1):
    """A model with all its weights, no training."""
    tf.keras.utils.set_random_seed(seed)
    number = len(ids)
    columns = {
        f.name: np.zeros([number, 16] if f.is_list else number, f.dtype)
        for f in ITEM_FEATURES
        if f.dtype != "string"
    }
    columns["item_id"] = np.array(ids, object)
    folder.mkdir(exist_ok=True)
    model = Recommender(
        settings,
        TrainingSettings(),
        ItemTable(columns, np.ones([number, 2]), str(folder / "ids.txt")),
        counts=np.ones(number, np.int64),
        newest=100,
        available_from=np.zeros(number, np.int64),
        sizes={name: 1 + len(tokens) for name, tokens in known.items()},
        query_vectors=np.ones([2, 2], np.float32),
    )
    context = {f.name: tf.zeros([1], tf.int64) for f in CONTEXT}
    request = {
        "rows": tf.constant([[0, -1]]),
        "types": tf.zeros([1, 2], tf.int32),
        "gaps": tf.zeros([1, 2], tf.int32),
        "times": tf.zeros([1, 2], tf.int64),
        "length": tf.constant([1]),
        "context": {**context, "recency": tf.zeros([1], tf.int32)},
        "timestamp": tf.constant([5], tf.int64),
    }
    model.represent(tf.constant([0]))
    model.rank(request, tf.zeros([1, 2]), tf.constant([[0]]))
    return model


def table(model, path):
    return named_weights(model)[path].numpy()


BEFORE_IDS = [b"i0", b"i1", b"i2", b"i3"]
NOW_IDS = [b"a-new", b"i2", b"i0", b"z-new"]
BEFORE = vocabularies([b"x", b"y", b"z"], [b"Hangzhou"])
NOW = vocabularies([b"z", b"fresh", b"x"], [b"Beijing", b"Hangzhou"])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A model, what it left, and the next, which knows other tokens."""
    root = tmp_path_factory.mktemp("models")
    before = shop(root / "before", BEFORE_IDS, BEFORE)
    # Nobody had chosen i3 nor i2 yet.
    before.items.set_choices([3, 1, 0, 0])
    for weight in named_weights(before).values():
        weight.assign(tf.random.normal(weight.shape))
    LastVersion.of(
        before, vocabularies=BEFORE, users=NOBODY, encoder=ENCODER
    ).write(str(root))
    now = shop(root / "now", NOW_IDS, NOW, seed=2)
    fresh = {n: v.numpy() for n, v in named_weights(now).items()}
    last = LastVersion.read(str(root))
    found = last.restore(now, NOW)
    return before, now, fresh, last, found


def test_every_weight_has_a_name(both):
    model = both[0]
    parts = (model.item_tower, model.query_tower, model.ranking)
    parts += (model.item_text, model.query_text)
    names = named_weights(model)
    weights = [variable for part in parts for variable in part.variables]
    assert len(names) == len(weights) > 40
    assert {v.ref() for v in names.values()} == {v.ref() for v in weights}


@pytest.mark.parametrize(
    "path",
    [
        "item_tower/categorical/brand_index/embeddings",
        "ranking/deep/brand_index/embeddings",
        "ranking/wide/brand_index/embeddings",
    ],
)
def test_rows_land_on_their_tokens(both, path):
    before, now, fresh, *_ = both
    was, is_now = table(before, path), table(now, path)
    # Row 0 is the unknown; then x, y, z, and now z, fresh, x.
    np.testing.assert_array_equal(is_now[[0, 1, 3]], was[[0, 3, 1]])
    np.testing.assert_array_equal(is_now[2], fresh[path][2])
    # The same size, so a copy by position would have gone unnoticed.
    assert was.shape == is_now.shape
    assert not np.array_equal(was, is_now)


def test_the_context_of_requests_goes_by_token_too(both):
    before, now, fresh, *_ = both
    for path in ("query_tower/context", "ranking/wide", "ranking/deep"):
        name = f"{path}/city_index/embeddings"
        was, is_now = table(before, name), table(now, name)
        np.testing.assert_array_equal(is_now[[0, 2]], was)
        np.testing.assert_array_equal(is_now[1], fresh[name][1])


def test_items_go_by_id_and_new_ones_begin_where_they_stood(both):
    before, now, *_ = both
    was, is_now = before.item_tower.ids, now.item_tower.ids
    was, is_now = was.embeddings.numpy(), is_now.embeddings.numpy()
    np.testing.assert_array_equal(is_now[3], was[1])  # i0
    # Of i2, which nobody had chosen, and of the new ones the id was unknown.
    unknown = before.item_tower.unknown.numpy()
    for row in (1, 2, 4):
        np.testing.assert_array_equal(is_now[row], unknown)


def test_all_other_weights_are_the_last_version_s(both):
    before, now, *_ = both
    tables = ("brand_index", "city_index", "item_tower/ids")
    names = [n for n in named_weights(now) if not any(t in n for t in tables)]
    assert "query_tower/blocks/0/query_key_value/kernel" in names
    assert "ranking/head_bias" in names
    assert "item_text/mean" in names
    for name in names:
        np.testing.assert_array_equal(table(now, name), table(before, name))


def test_it_says_how_many_tokens_it_found_again(both):
    found = both[4]
    assert (found[ITEMS], found["brand_index"], found["city_index"]) == (
        2,
        2,
        1,
    )


def test_what_would_mean_something_else_is_refused(both):
    last = both[3]
    last.check(SETTINGS, {**ENCODER, "encoded": 9})
    with pytest.raises(DataError, match=r"temperature was 0.07 and is now 0.5"):
        last.check(dataclasses.replace(SETTINGS, temperature=0.5), ENCODER)
    heads = dataclasses.replace(SETTINGS, heads=("click=click",))
    with pytest.raises(DataError, match="the heads was"):
        last.check(heads, ENCODER)
    with pytest.raises(DataError, match="text encoder"):
        last.check(SETTINGS, {**ENCODER, "digest": "other"})


def test_a_run_without_one_is_named(tmp_path):
    with pytest.raises(DataError, match="warm_start is not there"):
        LastVersion.read(str(tmp_path))


def choices(*sequences):
    """Choices of (user, times) pairs."""
    return Choices(
        users=np.array([user for user, _ in sequences], np.int64),
        owner=np.repeat(
            np.arange(len(sequences)), [len(times) for _, times in sequences]
        ),
        times=np.array([t for _, times in sequences for t in times], np.int64),
    )


def test_what_is_new_is_found_by_user(tmp_path):
    # User 7 has two windows that share the step at 30.
    learned = LearnedUsers.of(
        choices((5, [10, 20]), (7, [10, 20, 30]), (7, [30, 40]), (9, [15]))
    )
    assert learned.users.tolist() == [5, 7, 9]
    assert learned.counts.tolist() == [2, 4, 1]
    assert learned.newest.tolist() == [20, 40, 15]
    learned.write(tmp_path / "users.npz")
    learned = LearnedUsers.read(tmp_path / "users.npz")

    def new(*sequences):
        return learned.new_sequences(choices(*sequences)).tolist()

    same = (5, [10, 20])
    assert new(same, (7, [10, 20, 30]), (7, [30, 40])) == [False] * 3
    # Other cuts of the same steps are nothing new.
    assert new((7, [10, 20]), (7, [20, 30, 40])) == [False, False]
    assert new(same, (8, [12])) == [False, True]  # a new user
    later = new((7, [10, 20, 30]), (7, [30, 40, 50]), same)
    assert later == [False, True, False]
    # A late event: all windows, since none says where it was missed.
    assert new((7, [10, 20, 25, 30]), (7, [30, 40])) == [True, True]
    # What is kept no longer is nothing new either.
    assert new((7, [30, 40]), (9, [15])) == [False, False]
    assert LearnedUsers.of(choices()).new_sequences(choices(same)) == [True]
