"""How often a user did what, and how long ago last.

A window of the sequence model holds a few dozen steps; who buys every week
shows in all that a user did.
"""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from applications.intent.steps import KINDS, Steps

_HOUR = 3600
# Seconds; how far back is counted, beside all there is.
SPANS = (600, _HOUR, 24 * _HOUR, 168 * _HOUR)
# A question is nothing that was done.
_DONE = KINDS[:-1]
# What was longer ago, or never, counts as so many seconds ago.
_NEVER = 60 * 24 * _HOUR
WIDTH = (len(SPANS) + 2) * len(_DONE)


def of_steps(steps: Steps) -> NDArray[np.float32]:
    """Tallies what a user did up to each step, it included.

    Args:
      steps: Sorted.

    Returns:
      float32 [steps, WIDTH]: logarithms of the counts of each kind within
      each span and in all, and of the seconds since the last of each kind.
    """
    place = np.arange(len(steps.user))
    begin = np.searchsorted(steps.user, steps.user)
    keys = steps.key(steps.user, steps.time)
    first = [
        np.maximum(
            np.searchsorted(keys, steps.key(steps.user, steps.time - span)),
            begin,
        )
        for span in SPANS
    ]
    counts, since = [], []
    for number in range(1, len(_DONE) + 1):
        is_kind = steps.kind == number
        total = np.concatenate([[0], np.cumsum(is_kind)])
        counts += [total[place + 1] - total[start] for start in (*first, begin)]
        last = np.maximum.accumulate(np.where(is_kind, place, -1))
        gap = steps.time - steps.time[np.maximum(last, 0)]
        since.append(np.where(last >= begin, np.minimum(gap, _NEVER), _NEVER))
    if not len(place):
        return np.zeros([0, WIDTH], np.float32)
    return np.concatenate(
        [
            np.log1p(np.stack(counts, 1)) / 3,
            np.log1p(np.stack(since, 1)) / 15,
        ],
        1,
    ).astype(np.float32)


def of_requests(
    kinds: tf.Tensor, times: tf.Tensor, now: tf.Tensor
) -> tf.Tensor:
    """Tallies histories up to the time that they are asked at.

    Args:
      kinds: int64 [B, H], of `KINDS` from 1; 0 for what does not count.
      times: int64 [B, H], Unix seconds.
      now: int64 [B].

    Returns:
      float32 [B, WIDTH], as `of_steps`.
    """
    ago = tf.cast(now[:, None] - times, tf.float32)
    each = tf.one_hot(kinds - 1, len(_DONE))
    within = [tf.cast(ago <= span, tf.float32) for span in SPANS]
    counts = tf.stack(
        [
            tf.reduce_sum(each * span[..., None], 1)
            for span in (*within, tf.ones_like(ago))
        ],
        -1,
    )
    gap = tf.where(each > 0, ago[..., None], float(_NEVER))
    since = tf.minimum(tf.reduce_min(gap, 1), float(_NEVER))
    flat = tf.reshape(counts, [-1, (len(SPANS) + 1) * len(_DONE)])
    return tf.concat(
        [tf.math.log1p(flat) / 3.0, tf.math.log1p(since) / 15.0], 1
    )
