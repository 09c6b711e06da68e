"""What the trainer takes from the sequences before it trains."""

import numpy as np
import pytest
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.training.data import before, mean_labels, parting_time, targets
from schema.errors import DataError


def sequences(train):
    return tf.data.Dataset.from_tensor_slices(
        {
            "targets": tf.constant([[1, 2, -1], [2, 0, 0]]),
            "target_times": tf.constant([[50, 60, 0], [40, 70, 90]], tf.int64),
            "train": tf.constant(train),
            "validation": tf.zeros([2, 3], tf.bool),
        }
    )


def test_counts_what_is_trained_and_dates_what_is_seen():
    train = [[True, True, False], [False, True, True]]
    counts, newest, first_seen = targets(sequences(train), 4)
    np.testing.assert_array_equal(counts, [2, 1, 1, 0])
    assert newest == 90
    # A step that is no target has been seen all the same; row 3 never was.
    end = np.iinfo(np.int64).max
    np.testing.assert_array_equal(first_seen, [70, 50, 40, end])


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(DataError, match="no step to learn from"):
        targets(sequences([[False] * 3] * 2), 4)


def test_the_latest_targets_are_parted_from_the_others():
    everything = sequences([[True, True, False], [True, True, True]])
    time = parting_time(everything, 0.4)
    assert 60 < time <= 70
    early = list(before(everything, time).map(lambda x: x["train"]))
    np.testing.assert_array_equal(
        early, [[True, True, False], [True, False, False]]
    )
    with_held_out = everything.map(
        lambda x: {**x, "validation": x["targets"] == 2}
    )
    # A user without early targets stays as long as one is held out.
    late = before(with_held_out, 50).map(lambda x: x["train"])
    np.testing.assert_array_equal(
        list(late), [[False] * 3, [True, False, False]]
    )


def test_targets_of_one_moment_cannot_be_parted():
    same = sequences([[True] * 3] * 2).map(
        lambda x: {**x, "target_times": 7 * tf.ones_like(x["target_times"])}
    )
    assert parting_time(same, 0.25) == 0
    assert before(same, 0) is same


def test_mean_labels_count_by_weight():
    def example(click, buy, weight):
        values = {"label_click": click, "label_buy": buy, "weight": weight}
        features = {
            name: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
            for name, value in values.items()
        }
        return tf.train.Example(
            features=tf.train.Features(feature=features)
        ).SerializeToString()

    examples = tf.data.Dataset.from_tensor_slices(
        [example(1, 1, 1), example(1, 0, 1), example(0, 0, 2)]
    )
    count, rates = mean_labels(examples, ("click", "buy"))
    assert count == 3
    np.testing.assert_allclose(rates, [0.5, 0.25])
    count, rates = mean_labels(examples.take(0), ("click",))
    assert count == 0
    assert not rates.any()
