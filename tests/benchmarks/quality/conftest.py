"""Sequences of which it is known what a model should make."""

import numpy as np
import pytest

from benchmarks.quality.sequences import Sequences


def ring(users: int, items: int, steps: int, seed: int) -> Sequences:
    """Everybody walks around a ring of items, from anywhere."""
    start = np.random.default_rng(seed).integers(0, items, users)
    rows = (start[:, None] + np.arange(steps)) % items
    return Sequences(
        users=[f"u{user}" for user in range(users)],
        items=[f"i{item}" for item in range(items)],
        offsets=np.arange(users + 1, dtype=np.int64) * steps,
        rows=rows.astype(np.int32).ravel(),
    )


@pytest.fixture
def walks():
    """300 users, 40 items, walks of 6 steps."""
    return ring(300, 40, 6, seed=0)
