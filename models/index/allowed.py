"""Which rows of an index a request lets through."""

import typing
from collections.abc import Callable

import numpy as np
import tensorflow as tf

# The score of what may not come through.
LOWEST = float(np.finfo(np.float32).min)


class Allowed(typing.NamedTuple):
    """All rows that fit a filter, but for a few.

    Most requests have no filter and leave out what was seen. What they cost
    shall not grow with the catalogue, so where every row fits, `fits` has no
    columns.

    Attributes:
      fits: bool [B, N], or [B, 0] where all rows fit.
      left_out: int32 [B, E], rows that do not come through even if they fit;
        -1 for none.
    """

    fits: tf.Tensor
    left_out: tf.Tensor

    @classmethod
    def everything(cls, batch: int | tf.Tensor) -> "Allowed":
        """Lets all rows through, for a number of requests."""
        return cls(tf.ones([batch, 0], tf.bool), tf.zeros([batch, 0], tf.int32))

    @classmethod
    def fitting(cls, fits: tf.Tensor) -> "Allowed":
        """Lets rows through that fit, bool [B, N]."""
        return cls(fits, tf.zeros([tf.shape(fits)[0], 0], tf.int32))

    def but(self, rows: tf.Tensor) -> "Allowed":
        """Leaves out more rows, int32 [B, E], -1 for none."""
        return self._replace(left_out=tf.concat([self.left_out, rows], 1))

    def take(self, requests: tf.Tensor) -> "Allowed":
        """Returns what some of the requests let through, by their places."""
        return Allowed(*(tf.gather(part, requests) for part in self))

    def of(self, rows: tf.Tensor) -> tf.Tensor:
        """Says of rows int32 [B, C], at least 0, which come through, bool."""
        fits = self._where_filtered(
            lambda: tf.gather(self.fits, rows, batch_dims=1),
            lambda: tf.ones_like(rows, tf.bool),
        )
        return fits & ~is_in(rows, self.left_out)

    def mask(self, num_rows: int | tf.Tensor) -> tf.Tensor:
        """Says of all N rows which come through: bool [B, N]."""
        others = ~listed(self.left_out, num_rows)
        return self._where_filtered(lambda: self.fits & others, lambda: others)

    def keep(self, scores: tf.Tensor) -> tf.Tensor:
        """Puts `LOWEST` where a row does not come through.

        Args:
          scores: float32 [B, N], of all rows.

        Returns:
          float32 [B, N].
        """
        scores = self._where_filtered(
            lambda: tf.where(self.fits, scores, LOWEST), lambda: scores
        )
        places = _places(self.left_out, tf.shape(scores)[1])
        return tf.tensor_scatter_nd_update(
            scores, places, tf.fill(tf.shape(places)[:1], LOWEST)
        )

    def count_left_out(self, num_rows: int | tf.Tensor) -> tf.Tensor:
        """Tells how many of N rows stay behind, int32 [B], or a little more.

        A row is counted as often as it is left out.
        """
        few = tf.math.count_nonzero(self.left_out >= 0, 1, dtype=tf.int32)
        return few + self._where_filtered(
            lambda: tf.math.count_nonzero(~self.fits, 1, dtype=tf.int32),
            lambda: tf.zeros_like(few),
        )

    def _where_filtered(
        self, yes: Callable[[], tf.Tensor], no: Callable[[], tf.Tensor]
    ) -> tf.Tensor:
        width = self.fits.shape[1]
        if width is not None:
            return yes() if width else no()
        return tf.cond(tf.shape(self.fits)[1] > 0, yes, no)


def listed(rows: tf.Tensor, num_rows: int | tf.Tensor) -> tf.Tensor:
    """Marks rows of a list.

    Args:
      rows: int32 [B, E]; those that there are not stand for none.
      num_rows: N.

    Returns:
      bool [B, N], true where the row is in the list.
    """
    places = _places(rows, num_rows)
    return tf.tensor_scatter_nd_update(
        tf.zeros([tf.shape(rows)[0], num_rows], tf.bool),
        places,
        tf.ones(tf.shape(places)[:1], tf.bool),
    )


def is_in(rows: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Says of rows [B, C] whether they are among others [B, E], bool."""
    # One more than all rows, so that there is always a place to look at.
    ordered = tf.sort(
        tf.pad(others, [[0, 0], [0, 1]], constant_values=others.dtype.max), 1
    )
    place = tf.searchsorted(ordered, rows)
    return tf.gather(ordered, place, batch_dims=1) == rows


def _places(rows, num_rows):
    """Returns where [B, N] has the rows of a list [B, E]: int64 [M, 2]."""
    there = tf.where((rows >= 0) & (rows < num_rows))
    columns = tf.cast(tf.gather_nd(rows, there), tf.int64)
    return tf.stack([there[:, 0], columns], axis=1)
