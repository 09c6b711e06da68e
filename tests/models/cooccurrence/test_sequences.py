"""Sequences of steps on items."""

import numpy as np
import pytest
import tensorflow as tf

from models.cooccurrence.sequences import of_examples

EXAMPLES = {
    "targets": np.array([[2, 0, 1], [1, 3, -1]], np.int32),
    "target_times": np.array([[5, 6, 7], [1, 2, 0]]),
    # The second's first step is of a type that is no target.
    "train": np.array([[True, True, False], [False, True, False]]),
    "validation": np.array([[False, False, True], [False, False, False]]),
}


@pytest.mark.parametrize(
    ("held_out", "rows", "positive"),
    [
        (False, [[2, 0], [1, 3]], [True, True, False, True]),
        (True, [[2, 0, 1], [1, 3]], [True, True, True, False, True]),
    ],
)
def test_steps_of_examples(held_out, rows, positive):
    examples = tf.data.Dataset.from_tensor_slices(EXAMPLES)
    found = of_examples(examples, held_out=held_out)
    parts = np.split(found.rows, found.offsets[1:-1])
    assert [part.tolist() for part in parts] == rows
    assert found.positive.tolist() == positive
    assert found.timestamps[:2].tolist() == [5, 6]


def test_no_examples_are_no_sequences():
    none = tf.data.Dataset.from_tensor_slices(EXAMPLES).take(0)
    assert len(of_examples(none)) == 0
