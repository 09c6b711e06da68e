"""What a candidate has in common with a history and a search, in numbers.

All of it comes from the catalogue and the clock, nothing from what training
made of items, so it says as much of an item that nobody has chosen yet.
"""

import tensorflow as tf

from schema.contract import EVENT_TYPES

# Of text_nearness: to the search, to the whole history, to its nearest step.
TEXTS = 3
# The logarithm of seconds at which an event counts as never: two years.
_FORGOTTEN = 18.0


def plain(inputs: dict, features: tuple[str, ...], lists: tuple[str, ...]):
    """Returns the numbers for all candidates, float32 [B, C, numbers].

    Args:
      inputs: As for `models.ranking.funnel.FunnelRanking`.
      features: Categorical features that are compared.
      lists: Those of them that are sets of words.
    """
    steps, candidates = inputs["history_features"], inputs["candidate_features"]
    here = tf.range(tf.shape(inputs["types"])[1]) < inputs["length"][:, None]
    seconds = inputs["timestamp"][:, None] - inputs["times"]
    fresh = freshness(tf.where(here, seconds, tf.int64.max))
    own = equal(candidates["rows"], steps["rows"], here, unknown=-1)
    types = tf.one_hot(inputs["types"], len(EVENT_TYPES) + 1)
    counts = [tf.matmul(own, types)]
    newest = [largest(own * fresh[:, None, :])]
    for name in features:
        if name in lists:
            found = shared_words(candidates[name], steps[name], here)
        else:
            same = equal(candidates[name], steps[name], here)
            newest.append(largest(same * fresh[:, None, :]))
            found = tf.reduce_sum(same, -1)
        counts.append(found[..., None])
    gap = price_gap(candidates, steps, here)
    return tf.concat(
        [
            tf.math.log1p(tf.concat(counts, -1)),
            tf.stack([*newest, gap, tf.abs(gap)], -1),
            candidates["log_price"][..., None],
            inputs["text_nearness"],
        ],
        -1,
    )


def equal(
    candidates: tf.Tensor, steps: tf.Tensor, here: tf.Tensor, unknown: int = 0
) -> tf.Tensor:
    """Says where a candidate's value is a step's, float32 [B, C, L].

    Args:
      candidates: int32 [B, C].
      steps: int32 [B, L].
      here: bool [B, L], false at padding.
      unknown: The value that equals nothing.
    """
    candidates = candidates[:, :, None]
    same = (candidates == steps[:, None, :]) & (candidates != unknown)
    return tf.cast(same & here[:, None, :], tf.float32)


def freshness(seconds: tf.Tensor) -> tf.Tensor:
    """Turns ages into float32 of 1 for now to 0 for long ago, by logarithm.

    >>> freshness(tf.constant([0, 3600, 2**40])).numpy().round(2)
    array([1.  , 0.55, 0.  ], dtype=float32)
    """
    age = tf.math.log1p(tf.cast(tf.maximum(seconds, 0), tf.float32))
    return tf.nn.relu(1.0 - age / _FORGOTTEN)


def largest(values: tf.Tensor) -> tf.Tensor:
    """Returns the largest of the last axis and 0, also of an empty one."""
    front = [[0, 0]] * (values.shape.rank - 1)
    return tf.reduce_max(tf.pad(values, [*front, [0, 1]]), -1)


def price_gap(candidates: dict, steps: dict, here: tf.Tensor) -> tf.Tensor:
    """Returns a candidate's log price less the history's mean, [B, C].

    0 where either price is unknown.

    Args:
      candidates: `log_price` float32 and `price_bucket` int32, 0 where it is
        unknown, [B, C].
      steps: The same, [B, L].
      here: bool [B, L], false at padding.
    """
    priced = tf.cast(here & (steps["price_bucket"] > 0), tf.float32)
    number = tf.reduce_sum(priced, -1)
    mean = tf.math.divide_no_nan(
        tf.reduce_sum(priced * steps["log_price"], -1), number
    )
    known = (candidates["price_bucket"] > 0) & (number > 0)[:, None]
    return tf.where(known, candidates["log_price"] - mean[:, None], 0.0)


def text_nearness(
    candidates: tf.Tensor, steps: tf.Tensor, search: tf.Tensor
) -> tf.Tensor:
    """Returns cosines of texts, float32 [B, C, TEXTS]; 0 where there is none.

    Args:
      candidates: float32 [B, C, t], of length 1, or zeros.
      steps: float32 [B, L, t], the same; zeros at padding.
      search: float32 [B, t], the same.
    """
    whole = tf.math.l2_normalize(tf.reduce_sum(steps, 1), -1)
    each = tf.matmul(candidates, steps, transpose_b=True)
    return tf.stack(
        [
            tf.linalg.matvec(candidates, search),
            tf.linalg.matvec(candidates, whole),
            largest(each),
        ],
        -1,
    )


def shared_words(
    candidates: tf.Tensor, steps: tf.Tensor, here: tf.Tensor
) -> tf.Tensor:
    """Counts, of steps and a candidate's words, the pairs where both agree.

    Args:
      candidates: int32 [B, C, K], words of candidates, each once; 0 is none.
      steps: int32 [B, L, K], words of the items of the history.
      here: bool [B, L], false at padding.

    Returns:
      float32 [B, C].
    """
    # The history's words in order once, then two searches for each word of a
    # candidate: to compare all with all would take K times K for each pair.
    steps = tf.where(here[..., None], steps, 0)
    # One of no words behind them: the search wants something to work on.
    steps, candidates = (
        tf.pad(words, [[0, 0], [0, 1], [0, 0]]) for words in (steps, candidates)
    )
    width = steps.shape[-1]
    steps = tf.reshape(steps, [-1, tf.shape(steps)[1] * width])
    words = tf.reshape(candidates, [-1, tf.shape(candidates)[1] * width])
    steps = tf.sort(steps)
    first = tf.searchsorted(steps, words, "left")
    last = tf.searchsorted(steps, words, "right")
    agree = tf.where(words > 0, last - first, 0)
    agree = tf.reshape(agree, tf.shape(candidates))
    return tf.cast(tf.reduce_sum(agree, -1), tf.float32)[:, :-1]
