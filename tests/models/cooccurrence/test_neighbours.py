"""Items that are often chosen with those of a history."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models import inputs
from models.cooccurrence.fitting import fit_neighbours
from models.cooccurrence.neighbours import (
    History,
    Neighbours,
    add_scores,
    distinct,
    scores_of_rows,
)
from models.features import ITEM_FEATURES, MAX_TAGS
from models.item_table import ItemTable
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.training import fitting
from schema.contract import EVENT_TYPES

NUM_ITEMS = 5


def table(*, repeats=False):
    made = Neighbours(NUM_ITEMS, 2, repeats, num_event_types=4)
    similarity = np.zeros([NUM_ITEMS, NUM_ITEMS], np.float32)
    similarity[0, 1], similarity[0, 2] = 0.5, 0.25
    similarity[1, 2] = 1.0
    made.set_similarity(sp.csr_array(similarity))
    made.enabled.assign(1.0)
    return made


def history(rows, types=None, ages=None, searching=False):
    rows = np.array(rows, np.int32)
    length = (rows != -9).sum(1)
    return History(
        rows=tf.constant(np.where(rows == -9, -1, rows)),
        types=tf.constant(types if types is not None else np.ones_like(rows)),
        ages=tf.constant(
            ages if ages is not None else np.ones(rows.shape), tf.int64
        ),
        length=tf.constant(length, tf.int32),
        searching=tf.fill([len(rows)], searching),
    )


def dense(found):
    rows, added = found
    nothing = tf.zeros([len(rows), NUM_ITEMS])
    return add_scores(nothing, rows, added).numpy()


def test_the_similarities_to_all_steps_add_up():
    # Item 4 has no neighbours, 9 is not in the table, -9 no step at all.
    found = dense(table()(history([[0, 1, 4], [9, -1, -9]])))
    np.testing.assert_allclose(found, [[0, 0.5, 1.25, 0, 0], [0] * 5])


def test_an_item_is_its_own_neighbour_where_items_come_again():
    found = dense(table(repeats=True)(history([[0, 4], [-1, -9]])))
    np.testing.assert_allclose(found[0], [1, 0.5, 0.25, 0, 1])


def test_nothing_is_added_before_the_weights_are_learned():
    neighbours = table()
    neighbours.enabled.assign(0.0)
    assert not dense(neighbours(history([[0, 1]]))).any()


@pytest.mark.parametrize(
    ("weights", "changed"),
    [
        (("types", 2), {"types": [[2, 1]]}),
        # A minute is bucket 6 of the powers of two.
        (("ages", 6), {"ages": [[60, 0]]}),
        # The step before the last.
        (("places", 2), {}),
    ],
)
def test_a_step_counts_by_type_age_and_place(weights, changed):
    neighbours = table()
    name, place = weights
    values = np.zeros(getattr(neighbours.weights, name).shape)
    values[place] = np.log(3)
    getattr(neighbours.weights, name).assign(values)
    found = dense(neighbours(history([[0, 1]], **changed)))
    np.testing.assert_allclose(found, [[0, 1.5, 1.75, 0, 0]], rtol=1e-6)


def test_a_search_has_a_weight_of_its_own():
    neighbours = table()
    neighbours.weights.searching.assign(np.log(0.5))
    found = dense(neighbours(history([[0]], searching=True)))
    np.testing.assert_allclose(found, [[0, 0.25, 0.125, 0, 0]], rtol=1e-6)


def test_what_is_added_leaves_the_share_of_unseen_items():
    """Over all items, worked out in full."""
    rng = np.random.default_rng(2)
    neighbours = table()
    neighbours.sharpness.assign(2.0)
    scores = rng.normal(size=[4, 9]).astype(np.float32)
    seen = np.arange(9) < 6
    added = rng.random([4, 9]).astype(np.float32) * (rng.random(9) < 0.5) * seen

    def share_of_unseen(values):
        chances = np.exp(2 * values)
        return chances[:, ~seen].sum(1) / chances.sum(1)

    for query in range(4):
        log_sum = np.log(np.exp(2 * scores[query, seen]).sum())
        neighbours.log_sum.assign(log_sum)
        (offset,) = neighbours.unseen_offset(
            scores[query : query + 1], added[query : query + 1]
        )
        moved = scores[query] + added[query] + offset * ~seen
        np.testing.assert_allclose(
            share_of_unseen(moved[np.newaxis]),
            share_of_unseen(scores[query : query + 1]),
            rtol=1e-5,
        )


def test_distinct_keeps_the_sum_of_each_row():
    rng = np.random.default_rng(1)
    rows = rng.integers(-1, NUM_ITEMS, [20, 40]).astype(np.int32)
    added = rng.random([20, 40]).astype(np.float32)
    found, total = distinct(tf.constant(rows), tf.constant(added))
    np.testing.assert_allclose(
        dense((found, total)), dense((rows, added)), rtol=1e-5
    )
    for row in found.numpy():
        known = row[row >= 0]
        assert len(set(known)) == len(known)
    assert not total.numpy()[found.numpy() < 0].any()


def test_distinct_of_nothing_is_nothing():
    found, total = distinct(tf.zeros([3, 0], tf.int32), tf.zeros([3, 0]))
    assert found.shape == total.shape == (3, 0)


PAIRS = 20
MODEL = ModelSettings(
    heads=("buy=buy",),
    positive_event_types=("buy",),
    complete_catalogue=True,
    dimension=8,
    num_heads=1,
    num_blocks=1,
    neighbours=3,
)
# Towers that have learned nothing, so that only the table knows anything.
TRAINING = TrainingSettings(
    max_epochs=1,
    validate_every=1,
    validation_share=1.0,
    validation_steps=1,
    learning_rate=1e-9,
)


def catalogue(folder):
    columns = {
        feature.name: np.zeros(
            [2 * PAIRS, MAX_TAGS] if feature.is_list else 2 * PAIRS,
            tf.as_dtype(feature.dtype).as_numpy_dtype,
        )
        for feature in ITEM_FEATURES
    }
    columns["item_id"] = np.array(
        [f"{n:02}".encode() for n in range(2 * PAIRS)], object
    )
    text = np.zeros([2 * PAIRS, 1], np.float32)
    return ItemTable(columns, text, str(folder / "ids"))


def partners(items, settings, users):
    """Everybody buys a pair, noise, and then one of another pair and its other.

    The last is held out; who met it before is known from the others' pairs.
    """
    rng = np.random.default_rng(5)
    first, last = rng.integers(PAIRS, size=[2, users])
    steps = np.stack(
        [
            2 * first,
            2 * first + 1,
            rng.integers(2 * PAIRS, size=users),
            2 * last,
            2 * last + 1,
        ],
        1,
    )
    batch = {
        **{f.name: tf.zeros([users], f.dtype) for f in inputs.CONTEXT},
        "history_item_ids": tf.constant(items.ids[steps], tf.string),
        "history_event_indices": tf.fill(
            steps.shape, tf.constant(1 + EVENT_TYPES.index("buy"), tf.int64)
        ),
        "history_timestamps": tf.constant(
            np.tile(1_000_000_000 + 60 * np.arange(5), [users, 1])
        ),
        "history_queries": tf.fill(steps.shape, ""),
        "timestamp": tf.fill([users], tf.constant(1_000_000_300, tf.int64)),
        "user_id": tf.strings.as_string(tf.range(users)),
    }
    return tf.data.Dataset.from_tensor_slices(
        inputs.sequence_inputs(
            batch,
            settings,
            items.lookup,
            lambda texts: tf.zeros(tf.shape(texts), tf.int32),
            validation_share=1.0,
            validation_steps=1,
        )
    )


def fitted(folder, users=600, **changes):
    settings = dataclasses.replace(MODEL, **changes)
    items = catalogue(folder)
    sequences = partners(items, settings, users)
    counts = np.ones(2 * PAIRS, np.int64)
    items.set_choices(counts)
    model = Recommender(
        settings,
        TRAINING,
        items,
        counts=counts,
        newest=0,
        available_from=np.zeros(2 * PAIRS, np.int64),
        sizes={
            f.name: 1 for f in (*ITEM_FEATURES, *inputs.CONTEXT) if f.size < 0
        },
        query_vectors=np.zeros([1, 1], np.float32),
    )
    fitting.fit_retrieval(model, sequences, TRAINING, str(folder))
    rows = fit_neighbours(model, sequences, TRAINING)
    return model, rows


@pytest.fixture(scope="module")
def partners_learned(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("fitted"))


def test_the_weights_find_who_goes_with_the_last_step(partners_learned):
    model, (row,) = partners_learned
    assert row["targets"] == 600
    # The towers' guess is no better than chance, that of the table near 1.
    assert row["loss_before"] > np.log(2 * PAIRS) - 0.1
    assert row["loss_after"] < 0.5 * row["loss_before"]
    asked = history([[0, 1, 7, 12], [30, 31, 2, 5]], np.full([2, 4], 5))
    added = np.zeros([2, 2 * PAIRS])
    for query, rows, scores in zip(
        range(2), *model.neighbours(asked), strict=True
    ):
        np.add.at(added[query], rows.numpy(), scores.numpy())
    assert added.argmax(1).tolist() == [13, 4]


def test_items_are_scored_alone_as_in_the_whole_catalogue(partners_learned):
    model, _ = partners_learned
    found = {
        "query": tf.random.stateless_normal([2, MODEL.dimension], [1, 2]),
        "neighbours": tf.constant([[3, 7, -1], [-1, -1, -1]]),
        "added": tf.constant([[0.5, 2.0, 0.0], [0.0, 0.0, 0.0]]),
        "unseen_offset": tf.constant([0.25, 0.5]),
    }
    before = model.items.choices().numpy()
    unseen = np.arange(len(before)) == 5
    model.items.set_choices(np.where(unseen, 0, before))
    rows = tf.constant([[7, 0, 5, 3], [5, 7, 3, 1]])
    scores = scores_of_rows(model, found, rows)
    unknown = scores_of_rows(model, found, tf.fill([2, 1], -1))
    assert np.isfinite(unknown).all()
    model.items.set_choices(before)
    vectors = model.score_vectors(model.representations[1:])
    everything = add_scores(
        found["query"] @ tf.transpose(vectors),
        found["neighbours"],
        found["added"],
    )
    everything += unseen * found["unseen_offset"][:, None]
    expected = tf.gather(everything, rows, batch_dims=1)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_held_out_choices_count_in_the_end_unless_forbidden(tmp_path):
    model, _ = fitted(tmp_path)
    sequences = partners(model.items, MODEL, 600)
    known = model.neighbours.similarity.numpy().sum()
    fit_neighbours(model, sequences, TRAINING, held_out=False)
    assert model.neighbours.similarity.numpy().sum() < known


@pytest.mark.parametrize("changes", [{"users": 20}, {"neighbours": 0}])
def test_without_targets_or_table_nothing_is_added(tmp_path, changes):
    model, rows = fitted(tmp_path, **changes)
    assert rows == []
    _, added = model.neighbours(history([[0, 1]]))
    assert not added.numpy().any()
