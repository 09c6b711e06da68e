"""Scores of different scales in one order."""

import tensorflow as tf

# Standard scores beyond this add nothing: one outlier must not decide.
_MAX_STANDARD_SCORE = 3.0


def spread_of(scores: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Returns standard deviations of valid scores, float32 [B, 1], above 0."""
    return _spread(*_centred(scores, valid))


def standard_scores(scores: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Takes mean and spread out of each row, so that rows can be blended.

    Args:
      scores: float32 [B, C].
      valid: bool [B, C], candidates that count.

    Returns:
      float32 [B, C], within plus and minus 3; 0 where all are alike.
    """
    centred, count = _centred(scores, valid)
    return tf.clip_by_value(
        centred / _spread(centred, count),
        -_MAX_STANDARD_SCORE,
        _MAX_STANDARD_SCORE,
    )


def _centred(scores, valid):
    weights = tf.cast(valid, tf.float32)
    count = tf.maximum(tf.reduce_sum(weights, axis=1, keepdims=True), 1.0)
    mean = tf.reduce_sum(scores * weights, axis=1, keepdims=True) / count
    return (scores - mean) * weights, count


def _spread(centred, count):
    squares = tf.reduce_sum(tf.square(centred), axis=1, keepdims=True)
    return tf.maximum(tf.sqrt(squares / count), 1e-6)
