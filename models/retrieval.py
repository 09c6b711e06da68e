"""The retrieval task: which item comes next, out of all."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import losses
from models.settings import TrainingSettings

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
        # The softmax stays in 32 bits.
        super().__init__(autocast=False, **kw)
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
        *,
        window: tuple[tf.Tensor, tf.Tensor],
        times: tf.Tensor,
        weights: tf.Tensor,
        vectors: Callable[[tf.Tensor], tf.Tensor],
    ) -> tf.Tensor:
        """Returns the mean loss, a scalar; see `Recommender.compute_loss`.

        Args:
          queries: float32 [P, d].
          targets: int32 [P], rows; any where the weight is 0.
          window: Of each query, int32 [P, W] and float32 [P, W]: which of
            `targets` it is to choose, its own first, and how its choice
            divides among them.
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
            places, shares = window
            loss = losses.full_softmax_loss(
                queries,
                vectors(tf.range(self.num_items)),
                tf.gather(targets, places),
                shares,
                unavailable,
            )
        else:
            loss = self._sampled(queries, targets, window, weights, vectors)
        return losses.weighted_mean(loss, weights)

    def _sampled(self, queries, targets, window, weights, vectors):
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
        # The sample begins with the targets, so a place there is one here.
        sampled_items = vectors(sampled)
        places, shares = window
        return losses.sampled_softmax_loss(
            queries=queries,
            target_items=tf.gather(sampled_items, places),
            targets=tf.gather(targets, places),
            shares=shares,
            sampled_items=sampled_items,
            sampled=sampled,
            sampled_log_q=sampled_log_q,
        )


def training_targets(
    queries: tf.Tensor, batch: dict, settings: TrainingSettings
) -> dict:
    """Takes the steps of a batch that are learned from, as one list.

    Args:
      queries: float32 [B, T, d], before each step.
      batch: What `models.inputs.sequence_inputs` returns.
      settings: With `fixed_shapes` all steps stay, since XLA needs their number
        to be fixed, and those that are not learned from have weight 0.

    Returns:
      `queries`, `targets`, `window`, `times` and `weights`, as
      `SequenceRetrieval` takes them.
    """
    there = batch["train"]
    fixed = settings.fixed_shapes
    kept = tf.ones_like(there) if fixed else there
    places = tf.cumsum(tf.reshape(tf.cast(kept, tf.int32), [-1])) - 1
    window = target_window(
        tf.reshape(places, tf.shape(there)),
        there,
        batch["query_rows"],
        settings.target_window,
        settings.target_decay,
    )
    parts = (queries, batch["targets"], *window, batch["target_times"])
    if fixed:
        parts = tuple(tf.reshape(part, [-1, *part.shape[2:]]) for part in parts)
        weights = tf.cast(tf.reshape(there, [-1]), tf.float32)
    else:
        parts = tuple(tf.boolean_mask(part, there) for part in parts)
        weights = tf.ones_like(parts[1], tf.float32)
    queries, targets, chosen, shares, times = parts
    return {
        "queries": queries,
        "targets": targets,
        "window": (chosen, shares),
        "times": times,
        "weights": weights,
    }


def target_window(
    places: tf.Tensor,
    there: tf.Tensor,
    query_rows: tf.Tensor,
    window: int,
    decay: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Makes later choices targets of a step too.

    What somebody chooses next is in part chance: the order of two choices of
    one visit says little, and that both were made says much.

    >>> places, shares = target_window(
    ...     places=tf.constant([[0, 1, 2]]),
    ...     there=tf.constant([[True, True, True]]),
    ...     query_rows=tf.constant([[0, 0, 5]]),
    ...     window=3,
    ...     decay=0.5,
    ... )
    >>> places.numpy().tolist()  # the third answers another search
    [[[0, 1, 0], [1, 1, 1], [2, 2, 2]]]
    >>> shares[0, 0].numpy().round(2)
    array([0.67, 0.33, 0.  ], dtype=float32)

    Args:
      places: int32 [B, T], of each step in the list of targets.
      there: bool [B, T], which steps are targets.
      query_rows: int32 [B, T], the search that led to each; a later choice is
        a target where it answers the same.
      window: W, steps looked at, the next one included; >= 1.
      decay: How much each counts of the one before it.

    Returns:
      int32 [B, T, W], places, where there is no later target the step's own;
      float32 [B, T, W], the shares, which are 0 there and 1 in sum; 0 all
      where the step is no target itself.
    """

    def later(values, steps, beyond):
        padded = tf.pad(values, [[0, 0], [0, steps]], constant_values=beyond)
        return padded[:, steps:]

    found, shares = [], []
    for steps in range(window):
        too = there & later(there, steps, False)
        too &= later(query_rows, steps, -1) == query_rows
        found.append(tf.where(too, later(places, steps, 0), places))
        shares.append(tf.cast(too, tf.float32) * decay**steps)
    share = tf.stack(shares, -1)
    total = tf.reduce_sum(share, -1, keepdims=True)
    return tf.stack(found, -1), tf.math.divide_no_nan(share, total)


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
    rank = _ahead(scores, own) - 0.5
    if seen is not None:
        others = tf.gather(scores, tf.maximum(seen, 0), batch_dims=1)
        there = (seen >= 0) & (seen != targets[:, None])
        rank -= _ahead(others, own, there)
    return tf.cast(tf.maximum(rank, 0), tf.int32)


def _ahead(others, own, there=True):
    """Counts scores above one's own, and equal ones half."""
    above = tf.where(there, tf.cast(others > own, tf.float32), 0.0)
    equal = tf.where(there, tf.cast(others == own, tf.float32), 0.0)
    return tf.reduce_sum(above + 0.5 * equal, 1)


def target_ranks_by_parts(
    queries: tf.Tensor,
    targets: tf.Tensor,
    vectors: Callable[[tf.Tensor], tf.Tensor],
    num_items: int,
    seen: tf.Tensor | None = None,
    *,
    part: int,
) -> tf.Tensor:
    """Ranks as `target_ranks`, where all scores at once are too many.

    Args:
      queries: float32 [P, d].
      targets: int32 [P].
      vectors: Rows int32 [...] to item vectors float32 [..., d].
      num_items: Of the catalogue.
      seen: As for `target_ranks`.
      part: Items whose scores are held at once.

    Returns:
      int32 [P]; two items of one vector may differ by rounding here.
    """

    def scores_of(rows):
        return tf.reduce_sum(queries[:, None] * vectors(rows), -1)

    own = scores_of(targets[:, None])

    def more(start, rank):
        rows = tf.range(start, tf.minimum(start + part, num_items))
        scores = tf.matmul(queries, vectors(rows), transpose_b=True)
        # The target itself is ahead of nothing.
        scores = tf.where(
            rows[None, :] == targets[:, None], scores.dtype.min, scores
        )
        return start + part, rank + tf.cast(_ahead(scores, own), tf.float64)

    _, rank = tf.while_loop(
        lambda start, _: start < num_items,
        more,
        (0, tf.zeros_like(targets, tf.float64)),
        parallel_iterations=1,
    )
    if seen is not None:
        others = scores_of(tf.maximum(seen, 0))
        there = (seen >= 0) & (seen != targets[:, None])
        rank -= tf.cast(_ahead(others, own, there), tf.float64)
    return tf.cast(tf.maximum(rank, 0), tf.int32)
