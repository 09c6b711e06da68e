"""Which candidates fill the slots of an answer."""

import tensorflow as tf

from models.index.allowed import LOWEST
from models.index.exact import ExactIndex, best_rows
from models.serving_graph import diversity
from models.serving_graph.filters import Filters
from models.serving_graph.inputs import K


def choose_columns(
    inputs: dict[str, tf.Tensor],
    rows: tf.Tensor,
    scores: tf.Tensor,
    items: ExactIndex,
    filters: Filters,
) -> tf.Tensor:
    """Fills pages by score, or as `diversity` says where that is asked for.

    Args:
      inputs: `k` int32 [B], and those of `page_specs`.
      rows: int32 [B, C], candidates, -1 for none.
      scores: float32 [B, C].
      items: Their vectors.
      filters: Know their kinds.

    Returns:
      int32 [B, k], columns of the candidates, -1 where a slot is empty.
    """
    k = inputs[K]
    scores = tf.where(rows >= 0, scores, LOWEST)

    def diverse():
        known = tf.maximum(rows, 0)
        vectors = tf.cast(tf.gather(items.vectors, known), tf.float32)
        return diversity.choose(
            inputs,
            scores,
            tf.math.l2_normalize(vectors, axis=2),
            filters.kinds(known),
            tf.reduce_max(k),
        )

    columns = tf.cond(
        diversity.is_asked(inputs),
        diverse,
        lambda: best_rows(scores, None, tf.reduce_max(k))[0],
    )
    columns = tf.ensure_shape(columns, [None, None])
    return tf.where(asked_slots(k), columns, -1)


def asked_slots(k: tf.Tensor) -> tf.Tensor:
    """Returns which slots of an answer each row asked for.

    Args:
      k: int32 [B or 1], how many items.

    Returns:
      bool [B or 1, max(k)].
    """
    return tf.range(tf.reduce_max(k)) < k[:, tf.newaxis]
