"""Joins what an index finds by vector with the neighbours of a history."""

import tensorflow as tf

from models.index.allowed import LOWEST, Allowed, is_in
from models.index.exact import ExactIndex, best_rows

Found = tuple[tf.Tensor, tf.Tensor]


def join_neighbours(
    by_vector: Found,
    retrieved: dict[str, tf.Tensor],
    *,
    items: ExactIndex,
    unseen: tf.Tensor,
    allowed: Allowed,
) -> Found:
    """Takes the best by the whole of the retrieval score.

    An item that no neighbour adds to is among the best only if it is among
    the best by vector; so with these and all neighbours none is missing but
    for unseen items that their offset alone would bring in.

    Args:
      by_vector: What `search` of an index returned, rows int32 [B, k] and
        scores float32 [B, k].
      retrieved: What the trained model's `retrieve` returns.
      items: The vectors, and which rows may come through.
      unseen: bool [N], items that training has not seen.
      allowed: Of the same requests.

    Returns:
      Rows and scores [B, k], best first, as `search` returns them.
    """
    rows, scores = by_vector
    near = retrieved["neighbours"]
    known = tf.maximum(near, 0)
    there = (near >= 0) & tf.gather(items.eligible, known)
    there &= allowed.of(known)
    near_scores = items.score_rows(retrieved["query"], known)
    near_scores = tf.where(there, near_scores + retrieved["added"], LOWEST)
    both = tf.concat([rows, near], 1)
    scores = tf.where(is_in(rows, near), LOWEST, scores)
    scores = tf.concat([scores, near_scores], 1)
    new = tf.gather(unseen, tf.maximum(both, 0))
    offset = tf.where(new, retrieved["unseen_offset"][:, tf.newaxis], 0.0)
    scores = tf.where(scores > LOWEST, scores + offset, LOWEST)
    return best_rows(scores, both, tf.shape(rows)[1])
