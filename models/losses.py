"""Losses as pure functions of tensors."""

import tensorflow as tf

from models import replicas

MASKED = -1e9


def log_q_correction(
    logits: tf.Tensor, sampling_log_prob: tf.Tensor
) -> tf.Tensor:
    """Takes the chance of being sampled out of the logits of a sample.

    A popular item turns up as a negative more often, so an uncorrected loss
    pushes it down for being popular (Yi et al. 2019, eq. 3).

    Args:
      logits: float32 [..., items], after temperature.
      sampling_log_prob: float32 [..., items], natural log of how often the
        item is expected in the sample.

    Returns:
      float32 of the shape of `logits`.
    """
    return logits - sampling_log_prob


def full_softmax_loss(
    queries: tf.Tensor,
    items: tf.Tensor,
    targets: tf.Tensor,
    shares: tf.Tensor,
    unavailable: tf.Tensor | None = None,
) -> tf.Tensor:
    """Cross-entropy of each query's targets among all items.

    Args:
      queries: float32 [P, d].
      items: float32 [N, d].
      targets: int32 [P, W], rows of `items`, any where the share is 0.
      shares: float32 [P, W], how the choice divides among the targets; 1 in
        sum.
      unavailable: bool [P, N], items that were not there yet and so are no
        negatives; the targets themselves always count as available.

    Returns:
      float32 [P].
    """
    logits = tf.matmul(queries, items, transpose_b=True)
    if unavailable is not None:
        rows = tf.range(tf.shape(items)[0])
        for target in tf.unstack(targets, axis=1):
            unavailable &= target[:, None] != rows[None, :]
        logits = tf.where(unavailable, MASKED, logits)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(targets[:, 0], logits)
    if targets.shape[1] == 1:
        return loss
    chosen = tf.gather(logits, targets, batch_dims=1)
    return loss + tf.reduce_sum(shares * (chosen[:, :1] - chosen), 1)


def sampled_softmax_loss(
    *,
    queries: tf.Tensor,
    target_items: tf.Tensor,
    targets: tf.Tensor,
    shares: tf.Tensor,
    sampled_items: tf.Tensor,
    sampled: tf.Tensor,
    sampled_log_q: tf.Tensor,
) -> tf.Tensor:
    """Cross-entropy of each of a query's targets among a sample of items.

    The sample, corrected, estimates the sum over all other items. The target
    is always there, so it is not corrected (Khrylchenko et al. 2025).

    Args:
      queries: float32 [P, d].
      target_items: float32 [P, W, d], vectors of the targets.
      targets: int32 [P, W], rows of the targets, any where the share is 0.
      shares: float32 [P, W], how the choice divides among the targets; 1 in
        sum.
      sampled_items: float32 [S, d].
      sampled: int32 [S], rows of the sample; where one is a target of a query
        (an accidental hit) it is no negative of it.
      sampled_log_q: float32 [S], log of how often each is expected in the
        sample.

    Returns:
      float32 [P].
    """
    positive = tf.einsum("pd,pwd->pw", queries, target_items)
    negative = log_q_correction(
        tf.matmul(queries, sampled_items, transpose_b=True), sampled_log_q
    )
    for target in tf.unstack(targets, axis=1):
        hit = target[:, None] == sampled[None, :]
        negative = tf.where(hit, MASKED, negative)
    others = tf.reduce_logsumexp(negative, 1, keepdims=True)
    return tf.reduce_sum(shares * tf.math.softplus(others - positive), 1)


def weighted_mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Returns the weighted mean; 0 where all weights are 0.

    On one of several replicas, what its values are of the mean of all.
    """
    return tf.math.divide_no_nan(
        tf.reduce_sum(values * weights),
        replicas.total(tf.reduce_sum(weights)),
    )


def recency_weight(
    times: tf.Tensor, newest: int, half_life_days: float
) -> tf.Tensor:
    """Returns how much a choice counts by its age, at most 1.

    >>> day = 86400
    >>> times = tf.constant([8 * day, 9 * day, 10 * day], tf.int64)
    >>> recency_weight(times, 10 * day, 1.0).numpy().tolist()
    [0.25, 0.5, 1.0]

    Args:
      times: int64 [...], Unix seconds of the choices.
      newest: Unix seconds of the last choice of all.
      half_life_days: Age at which the weight is a half; 0: all weigh 1.

    Returns:
      float32 [...].
    """
    if not half_life_days:
        return tf.ones_like(times, tf.float32)
    newest = tf.constant(newest, times.dtype)
    age = tf.cast(tf.maximum(newest - times, 0), tf.float32)
    return tf.pow(0.5, age / (half_life_days * 86_400.0))
