"""How well an index finds items that it was not built for."""

import dataclasses

import numpy as np
import tensorflow as tf

from models.index.allowed import Allowed
from models.index.measuring import exact_neighbours, measure_recall

# Loss of recall that a rebuild is advised at.
TOLERATED = 0.02
# Items times queries that are searched at once.
_PAIRS_AT_ONCE = 32_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drift:
    """Recall of the nearest items, as of now and as built.

    Attributes:
      recall: Share of the best that the index finds now.
      built: The share when the run built it.
    """

    recall: float
    built: float

    @property
    def too_far(self) -> bool:
        """Says whether the index should be built anew."""
        return self.recall < self.built - TOLERATED


def measure(
    index: tf.Module,
    vectors: np.ndarray,
    in_stock: np.ndarray,
    queries: np.ndarray,
    *,
    k: int,
    built: float,
) -> Drift:
    """Compares the index with exact search.

    Args:
      index: As `models/index` says; of all items.
      vectors: float32 [N, d], of the items.
      in_stock: bool [N], any of them true; the others are never found.
      queries: float32 [Q, d], real query vectors.
      k: How many of the best are wanted.
      built: Recall that was measured when the index was built.
    """
    there = np.flatnonzero(in_stock)
    k = min(k, len(there))
    step = max(1, _PAIRS_AT_ONCE // len(vectors))
    found = []
    for first in range(0, len(queries), step):
        part = queries[first : first + step]
        everything = Allowed.everything(len(part))
        found.append(index.search(tf.constant(part), k, everything)[0].numpy())
    expected = there[exact_neighbours(vectors[there], queries, k)]
    recall = measure_recall(vectors, queries, np.concatenate(found), expected)
    return Drift(recall=recall, built=built)
