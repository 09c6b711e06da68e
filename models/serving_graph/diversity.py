"""Puts a page together so that it does not show one thing many times."""

import tensorflow as tf

from models.index.allowed import LOWEST

DIVERSITY = "diversity"
# Most items of one kind that a page may hold, by what makes the kind.
CAPS = {
    "category": "max_per_category",
    "brand": "max_per_brand",
    "shop": "max_per_shop",
}
NO_CAP = 0


def is_asked(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Says whether any request of a batch asks for diversity, bool []."""
    capped = [tf.reduce_any(inputs[name] > NO_CAP) for name in CAPS.values()]
    return tf.reduce_any([tf.reduce_any(inputs[DIVERSITY] > 0), *capped])


def choose(
    inputs: dict[str, tf.Tensor],
    scores: tf.Tensor,
    vectors: tf.Tensor,
    kinds: dict[str, tf.Tensor],
    k: tf.Tensor,
) -> tf.Tensor:
    """Fills a page slot by slot, each with what adds most to those before.

    Maximal marginal relevance (Carbonell and Goldstein 1998): the share
    `diversity` of the choice goes to being unlike the most similar item that
    is on the page already, the rest to the score, which runs from 0 to 1 over
    the candidates. What would exceed a cap is passed over; slots that nothing
    may fill stay empty.

    Args:
      inputs: `diversity` float32 [B], 0 to 1, and the caps int32 [B], 0 for
        none.
      scores: float32 [B, C], of the candidates, `LOWEST` where there is none.
      vectors: float32 [B, C, d], of the candidates, one long.
      kinds: int64 [B, C] of each name of `CAPS`; 0 where unknown, which no
        cap counts.
      k: int32 [], slots.

    Returns:
      int32 [B, k], columns of the candidates, -1 where none may come.
    """
    share = inputs[DIVERSITY][:, tf.newaxis]
    there = scores > LOWEST
    relevance = _from_0_to_1(scores, there)
    caps = {
        name: inputs[cap][:, tf.newaxis]
        for name, cap in CAPS.items()
        if name in kinds
    }

    def fill(slot, page, may_come, nearest, counts):
        # Who asks for no diversity gets the scores themselves: scaled, two
        # that hardly differ could become one.
        worth = tf.where(
            share > 0, (1 - share) * relevance - share * nearest, scores
        )
        worth = tf.where(may_come, worth, LOWEST)
        column = tf.argmax(worth, axis=1, output_type=tf.int32)
        filled = tf.gather(may_come, column, batch_dims=1)
        page = page.write(slot, tf.where(filled, column, -1))
        chosen = tf.gather(vectors, column, batch_dims=1)
        likeness = tf.linalg.matvec(vectors, chosen)
        may_come &= tf.range(tf.shape(scores)[1]) != column[:, tf.newaxis]
        for name, cap in caps.items():
            kind = tf.gather(kinds[name], column, batch_dims=1)[:, tf.newaxis]
            same = (kinds[name] == kind) & (kind != 0)
            counts[name] += tf.cast(same, tf.int32)
            may_come &= (cap == NO_CAP) | (counts[name] < cap)
        return slot + 1, page, may_come, tf.maximum(nearest, likeness), counts

    _, page, *_ = tf.while_loop(
        lambda slot, *_: slot < k,
        fill,
        (
            0,
            tf.TensorArray(tf.int32, k),
            there,
            tf.zeros_like(scores),
            {name: tf.zeros_like(scores, tf.int32) for name in caps},
        ),
        parallel_iterations=1,
    )
    return tf.transpose(page.stack())


def _from_0_to_1(scores, there):
    high = tf.reduce_max(scores, axis=1, keepdims=True)
    low = tf.reduce_min(
        tf.where(there, scores, scores.dtype.max), axis=1, keepdims=True
    )
    return tf.math.divide_no_nan(scores - low, high - low)
