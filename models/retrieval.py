"""The retrieval task: which item comes next, out of all."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import losses

# When an item is available that is never a negative.
NEVER = np.iinfo(np.int64).max


class SequenceRetrieval(tf.keras.layers.Layer, tfrs.tasks.Task):
    """Softmax over the catalogue, or over a sample of a large one.

    `tfrs.tasks.Retrieval` knows in-batch negatives only. With every position
    of every sequence a query, the whole catalogue costs about as much and
    ranks better; a catalogue too large for it is sampled: targets of the
    batch plus uniform items, corrected for how often each is drawn.

    Args:
      counts: int64 [N], how often each item is a target in training.
      available_from: int64 [N], Unix seconds; an item that was not there when
        a target was chosen is no negative of it. 0: it always was. `NEVER`:
        it is no negative at all.
      num_negatives: Uniform negatives a step, where the catalogue is sampled.
      full: Whether the softmax is over all items.
    """

    def __init__(
        self,
        counts: np.ndarray,
        available_from: np.ndarray,
        num_negatives: int,
        full: bool,
        **kw,
    ):
        super().__init__(**kw)
        self.full = full
        self.num_items = len(counts)
        self.num_negatives = num_negatives
        self.dated = bool((available_from > 0).any())
        self._available_from = tf.constant(available_from)
        self._negatives = tf.constant(
            np.flatnonzero(available_from < NEVER), tf.int32
        )
        share = counts / max(counts.sum(), 1)
        self._share = tf.constant(share, tf.float32)

    def call(
        self,
        queries: tf.Tensor,
        targets: tf.Tensor,
        times: tf.Tensor,
        weights: tf.Tensor,
        vectors: Callable[[tf.Tensor], tf.Tensor],
    ) -> tf.Tensor:
        """Returns the mean loss, a scalar.

        Args:
          queries: float32 [P, d].
          targets: int32 [P], rows; any where the weight is 0.
          times: int64 [P], when each target was chosen.
          weights: float32 [P], 0 or 1.
          vectors: Rows int32 [...] to item vectors float32 [..., d].
        """
        targets = tf.maximum(targets, 0)
        if self.full:
            unavailable = (
                self._available_from[None, :] > times[:, None]
                if self.dated
                else None
            )
            loss = losses.full_softmax_loss(
                queries, vectors(tf.range(self.num_items)), targets, unavailable
            )
        else:
            loss = self._sampled(queries, targets, weights, vectors)
        return losses.weighted_mean(loss, weights)

    def _sampled(self, queries, targets, weights, vectors):
        number = tf.size(self._negatives)
        uniform = tf.gather(
            self._negatives,
            tf.random.uniform([self.num_negatives], 0, number, tf.int32),
        )
        sampled = tf.concat([targets, uniform], 0)
        in_batch = tf.reduce_sum(weights)

        def log_q(rows):
            return tf.math.log(
                in_batch * tf.gather(self._share, rows)
                + self.num_negatives / tf.cast(number, tf.float32)
            )

        # Padding is no target, so it must not be drawn as one either.
        out = tf.concat([weights, tf.ones_like(uniform, tf.float32)], 0)
        sampled_log_q = tf.where(out > 0, log_q(sampled), -losses.MASKED)
        return losses.sampled_softmax_loss(
            queries=queries,
            target_items=vectors(targets),
            targets=targets,
            sampled_items=vectors(sampled),
            sampled=sampled,
            sampled_log_q=sampled_log_q,
        )


def target_ranks(
    queries: tf.Tensor,
    targets: tf.Tensor,
    items: tf.Tensor,
    seen: tf.Tensor | None = None,
) -> tf.Tensor:
    """Ranks each query's target among all items, 0 being the best.

    Args:
      queries: float32 [P, d].
      targets: int32 [P].
      items: float32 [N, d].
      seen: int32 [P, S], rows that are not shown again, each once, or -1.

    Returns:
      int32 [P]; ties count half, so that equal scores do not look good.
    """
    scores = tf.matmul(queries, items, transpose_b=True)
    own = tf.gather(scores, targets, batch_dims=1)[:, None]

    def ahead(others, there):
        above = tf.where(there, tf.cast(others > own, tf.float32), 0.0)
        equal = tf.where(there, tf.cast(others == own, tf.float32), 0.0)
        return tf.reduce_sum(above + 0.5 * equal, 1)

    rank = ahead(scores, True) - 0.5
    if seen is not None:
        others = tf.gather(scores, tf.maximum(seen, 0), batch_dims=1)
        rank -= ahead(others, (seen >= 0) & (seen != targets[:, None]))
    return tf.cast(tf.maximum(rank, 0), tf.int32)
