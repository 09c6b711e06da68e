"""Daogou's model on sequences, in the form that the benchmark asks."""

import dataclasses
import pathlib

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

from benchmarks.quality import ours, sequences
from tests.slow import slow

NUM_ITEMS, STEPS = 12, 6


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Everybody goes around a ring of items; two users have two steps."""
    path = tmp_path_factory.mktemp("data") / "ring.txt"
    lines = [
        f"u{user} "
        + " ".join(str((user + step) % NUM_ITEMS) for step in range(length))
        for user, length in enumerate([STEPS] * 60 + [2, 2])
    ]
    path.write_text("\n".join(lines) + "\n")
    return sequences.read(path)


@slow
def test_it_learns_the_ring(data, tmp_path):
    model = dataclasses.replace(
        ours.MODEL, max_history=8, dimension=16, num_blocks=1, dropout=0.1
    )
    training = dataclasses.replace(
        ours.TRAINING,
        sequence_batch=20,
        max_epochs=40,
        validate_every=10,
        learning_rate=1e-2,
        warmup_steps=5,
    )
    score = ours.fit(
        data, seed=1, log_dir=tmp_path, model=model, training=training
    )
    for split in ("validation", "test"):
        scores = score(data.asked, split)
        assert scores.shape == (60, NUM_ITEMS)
        assert scores.dtype == np.float32
        seen = data.histories(split, data.asked)
        scores[seen.sequence_of_step(), seen.rows] = -np.inf
        right = scores.argmax(1) == data.targets(split)
        assert right.mean() > 0.9


def test_only_validation_targets_are_held_out(data, tmp_path):
    table = ours._item_table(data, None, pathlib.Path(tmp_path))
    model = dataclasses.replace(ours.MODEL, max_history=8)
    held, trained = [], []
    for row in ours._sequences(data, model, table).as_numpy_iterator():
        held.append(row["targets"][row["validation"]])
        trained.append(row["targets"][row["train"]])
    # Users of two steps have nothing to spare; the last step of the others
    # is for the test and is not there at all.
    assert [len(one) for one in held] == [1] * 60 + [0, 0]
    np.testing.assert_array_equal(
        np.concatenate(held), data.targets("validation")
    )
    assert [len(one) for one in trained] == [STEPS - 2] * 60 + [2, 2]


def test_settings_say_what_a_result_depends_on():
    plain = ours.settings(attributes=False)
    assert plain != ours.settings(attributes=True)
    assert plain["model"]["dimension"] == ours.MODEL.dimension
    assert plain["training"]["seed"] == ours.TRAINING.seed


def test_attributes_are_numbered_by_how_many_items_have_them(data):
    carried = np.zeros([NUM_ITEMS, 3], np.float32)
    carried[0, 0] = carried[1:4, 1] = carried[2:4, 2] = 1
    with_attributes = dataclasses.replace(
        data, attributes=sp.csr_array(carried)
    )
    words = ours._words(with_attributes)
    found = tf.sparse.to_dense(words).numpy()
    # The first is one item's alone and says no more than its id.
    np.testing.assert_array_equal(found[0], [0, 0, 0])
    np.testing.assert_array_equal(found[1], [0, 1, 0])
    np.testing.assert_array_equal(found[2], [0, 1, 2])
    assert ours._sizes(words)[ours.TAGS] == 3
    assert ours._words(data) is None
