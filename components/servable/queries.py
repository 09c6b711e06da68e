"""Which queries people put most often."""

import collections
import pathlib
from collections.abc import Iterable

import tensorflow as tf

from components.item_index.building import examples_of

_BATCH = 1024
_FEATURES = {
    "query": tf.io.FixedLenFeature([], tf.string, b""),
    "history_queries": tf.io.RaggedFeature(tf.string),
}


def frequent_queries(splits: Iterable[pathlib.Path], most: int) -> list[bytes]:
    """Counts the queries that choices came from.

    Args:
      splits: Folders of behaviour examples, one a user.
      most: How many to return, at most.

    Returns:
      The most frequent first, equal ones in the order of their bytes; the
      empty one is not among them.
    """
    counts: collections.Counter[bytes] = collections.Counter()
    if not most:
        return []
    for split in splits:
        for rows in examples_of(split).batch(_BATCH):
            parsed = tf.io.parse_example(rows, _FEATURES)
            for queries in (parsed["query"], parsed["history_queries"].values):
                counts.update(queries.numpy().tolist())
    del counts[b""]
    ordered = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
    return [query for query, _ in ordered[:most]]
