"""From lists of ids to the numbers the model reads, by hand."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models import inputs
from models.settings import ModelSettings
from schema.contract import EVENT_TYPES

CLICK, BUY = (1 + EVENT_TYPES.index(name) for name in ("click", "buy"))
DAY = 86_400


def lookup(ids):
    """i0 is row 0, i1 is row 1, …; what is not of that form is unknown."""
    known = tf.strings.regex_full_match(ids, r"i\d")
    digits = tf.where(known, tf.strings.regex_replace(ids, "i", ""), "0")
    return tf.where(known, tf.strings.to_number(digits, tf.int32), -1)


def no_query(texts):
    return tf.zeros(tf.shape(texts), tf.int32)


def settings(**more):
    return ModelSettings(
        heads=("click=click",),
        positive_event_types=("click", "buy"),
        max_history=3,
        **more,
    )


def batch(ids, types=None, times=None, width=None):
    width = width or max(map(len, ids))
    types = types or [[CLICK] * len(row) for row in ids]
    times = times or [list(range(10, 10 + len(row))) for row in ids]

    def padded(rows, fill):
        return tf.constant([row + [fill] * (width - len(row)) for row in rows])

    made = {
        "user_id": tf.constant([f"u{n}" for n in range(len(ids))]),
        "history_item_ids": padded(ids, ""),
        "history_queries": padded([[""] * len(row) for row in ids], ""),
        "history_event_indices": tf.cast(padded(types, 0), tf.int64),
        "history_timestamps": tf.cast(padded(times, 0), tf.int64),
        "timestamp": tf.constant([20] * len(ids), tf.int64),
    }
    for feature in inputs.CONTEXT:
        made[feature.name] = tf.zeros(len(ids), tf.int64)
    return made


def sequences(ids, *, share=0.0, steps=1, exclude_seen=False, **more):
    return inputs.sequence_inputs(
        batch(ids, **more),
        settings(exclude_seen=exclude_seen),
        lookup,
        no_query,
        validation_share=share,
        validation_steps=steps,
    )


def test_histories_keep_their_last_steps():
    made = batch([["i1", "i2", "i3", "i4"], ["i5"], []], width=4)
    request = inputs.request_inputs(made, settings(), lookup)
    assert request["rows"].numpy().tolist() == [
        [2, 3, 4],
        [5, -1, -1],
        [-1, -1, -1],
    ]
    assert request["length"].numpy().tolist() == [3, 1, 0]


def test_a_request_without_any_column():
    made = batch([[], []], width=0)
    made["history_item_ids"] = tf.zeros([2, 0], tf.string)
    made["history_queries"] = tf.zeros([2, 0], tf.string)
    made["history_event_indices"] = tf.zeros([2, 0], tf.int64)
    made["history_timestamps"] = tf.zeros([2, 0], tf.int64)
    request = inputs.request_inputs(made, settings(), lookup)
    assert request["rows"].shape == (2, 3)
    assert request["length"].numpy().tolist() == [0, 0]
    assert request["context"]["recency"].numpy().tolist() == [0, 0]


def test_gaps_and_recency_by_hand():
    made = batch([["i1", "i2"]], times=[[10, 13]])
    request = inputs.request_inputs(made, settings(), lookup)
    # No gap before the first; 3 seconds: bucket 1 + log2(4); then 7 seconds.
    assert request["gaps"].numpy().tolist() == [[0, 3, 0]]
    assert request["context"]["recency"].numpy().tolist() == [4]


def test_a_target_has_the_context_of_its_own_step():
    # 00:00 UTC is 8 o'clock in China; 1970-01-01 was a Thursday.
    made = sequences([["i1", "i2"]], times=[[0, DAY + 3600]])
    assert made["context"]["hour"].numpy()[0, :2].tolist() == [8, 9]
    assert made["context"]["weekday"].numpy()[0, :2].tolist() == [3, 4]
    assert made["rows"].numpy().tolist() == [[1, 2, -1]]
    assert made["targets"].numpy().tolist() == [[1, 2, -1, -1]]


def test_targets_are_known_and_positive():
    cart = 1 + EVENT_TYPES.index("cart")
    made = sequences(
        [["i1", "x", "i2", "i3"]], types=[[CLICK, CLICK, cart, BUY]]
    )
    assert made["train"].numpy().tolist() == [[True, False, False, True]]


@pytest.mark.parametrize(
    ("exclude_seen", "expected"),
    [(True, [True, True, False, False]), (False, [True, True, True, False])],
)
def test_a_seen_target_is_masked_only_where_seen_is_excluded(
    exclude_seen, expected
):
    made = sequences([["i1", "i2", "i1"]], exclude_seen=exclude_seen, width=4)
    assert made["train"].numpy().tolist() == [expected]


def test_the_last_positives_of_chosen_users_are_held_out():
    made = sequences([["i1", "i2", "i3"]] * 500, share=0.3, steps=2)
    held = made["validation"].numpy()
    chosen = held.any(1)
    assert 100 < chosen.sum() < 200
    assert held[chosen].tolist() == [[False, True, True, False]] * chosen.sum()
    train = made["train"].numpy()
    assert not (train & held).any()
    assert train[~chosen, :3].all()


def test_padding_that_a_batch_shares_is_cut():
    made = inputs.without_padding(sequences([["i1", "i2"], ["i3"]], width=4))
    assert made["targets"].numpy().tolist() == [[1, 2], [3, -1]]
    assert made["rows"].numpy().tolist() == [[1], [3]]
    assert made["context"]["hour"].shape == (2, 2)
    assert made["context"]["city_index"].shape == (2, 1)


def test_held_out_users_do_not_depend_on_the_batch():
    users = [f"u{n}" for n in range(1000)]
    held = inputs.held_out_users(tf.constant(users), 0.2).numpy()
    assert 150 < held.sum() < 250
    again = inputs.held_out_users(tf.constant(users[::-1]), 0.2).numpy()
    np.testing.assert_array_equal(held, again[::-1])
