"""Joins what an index finds by vector with the neighbours of a history."""

import tensorflow as tf

from models.index.exact import LOWEST, ExactIndex, best_rows

Found = tuple[tf.Tensor, tf.Tensor]


def join_neighbours(
    by_vector: Found,
    neighbours: Found,
    *,
    items: ExactIndex,
    query: tf.Tensor,
    allowed: tf.Tensor,
) -> Found:
    """Takes the best by the sum of dot product and what neighbours add.

    An item that no neighbour adds to is among the best only if it is among
    the best by vector; so with these and all neighbours none is missing.

    Args:
      by_vector: What `search` of an index returned, rows int32 [B, k] and
        scores float32 [B, k].
      neighbours: Rows int32 [B, M], each once or -1, and what they add,
        float32 [B, M].
      items: The vectors, and which rows may come through.
      query: float32 [B, d].
      allowed: bool [B, N].

    Returns:
      Rows and scores [B, k], best first, as `search` returns them.
    """
    rows, scores = by_vector
    near, added = neighbours
    known = tf.maximum(near, 0)
    there = (near >= 0) & tf.gather(items.eligible, known)
    there &= tf.gather(allowed, known, batch_dims=1)
    near_scores = tf.where(
        there, items.score_rows(query, known) + added, LOWEST
    )
    scores = tf.where(_is_in(rows, near), LOWEST, scores)
    return best_rows(
        tf.concat([scores, near_scores], 1),
        tf.concat([rows, near], 1),
        tf.shape(rows)[1],
    )


def _is_in(rows, others):
    """Says of rows [B, C] whether they are among others [B, E], bool."""
    # One more than all rows, so that there is always a place to look at.
    ordered = tf.sort(
        tf.pad(others, [[0, 0], [0, 1]], constant_values=others.dtype.max), 1
    )
    place = tf.searchsorted(ordered, rows)
    return tf.gather(ordered, place, batch_dims=1) == rows
