"""An index that was built for other vectors finds fewer of these."""

import numpy as np
import pytest

from components.item_changes import drift
from models.index.blocks import Blocks
from models.index.blocks_graph import BlocksIndex
from models.index.exact import ExactIndex

K, ROWS = 10, 4000


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((40, 8)).astype(np.float32)
    near = rng.standard_normal((ROWS, 8)).astype(np.float32) * 0.1
    return centres[rng.integers(0, 40, ROWS)] + near


def measured(index, vectors, in_stock, built):
    queries = vectors[:: ROWS // 50]
    return drift.measure(index, vectors, in_stock, queries, k=K, built=built)


def test_exact_search_has_not_drifted(vectors):
    in_stock = np.arange(ROWS) % 3 > 0
    index = ExactIndex(vectors, in_stock)
    found = measured(index, vectors, in_stock, 1.0)
    assert found.recall == 1
    assert not found.too_far


def test_blocks_of_other_vectors_are_told(vectors):
    """Blocks put together by chance: one of them has few of the nearest."""
    rows = np.random.default_rng(1).permutation(ROWS).astype(np.int32)
    rows = rows.reshape(-1, 50)
    means = vectors[rows].mean(1)
    blocks = Blocks(
        rows=rows, means=means, searched=4, recall=0.95, tail_recall=0.95
    )
    in_stock = np.ones(ROWS, bool)
    index = BlocksIndex(ExactIndex(vectors), blocks)
    found = measured(index, vectors, in_stock, blocks.recall)
    assert found.recall < 0.5
    assert found.too_far
