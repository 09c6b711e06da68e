"""The time that parts training from evaluation."""

import dataclasses
import typing

import numpy as np

from schema.errors import DataError

MAX_BINS = 65_536


@dataclasses.dataclass(frozen=True)
class TimeHistogram:
    """How many events fell into each bin of time; merges in any order.

    Bins double in width until at most `MAX_BINS` are taken, so a small log is
    counted to the second and a large one to minutes.

    Attributes:
      width: Seconds of a bin, a power of 2.
      bins: int64 [bins], ascending; a bin starts at `bins * width`.
      counts: int64 [bins].
    """

    width: int
    bins: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, timestamps: np.ndarray) -> typing.Self:
        """Counts timestamps (int64 Unix seconds)."""
        bins, counts = np.unique(timestamps, return_counts=True)
        return cls._fitted(1, bins.astype(np.int64), counts.astype(np.int64))

    @classmethod
    def _fitted(cls, width, bins, counts):
        while len(bins) > MAX_BINS:
            width *= 2
            bins, counts = _sum_up(bins // 2, counts)
        return cls(width, bins, counts)

    def merge(self, other: typing.Self) -> typing.Self:
        """Adds two histograms."""
        width = max(self.width, other.width)
        bins = np.concatenate(
            [part.bins // (width // part.width) for part in (self, other)]
        )
        counts = np.concatenate([self.counts, other.counts])
        return type(self)._fitted(width, *_sum_up(bins, counts))

    def to_json(self) -> dict:
        """Returns plain values."""
        return {
            "width": self.width,
            "bins": self.bins.tolist(),
            "counts": self.counts.tolist(),
        }

    @classmethod
    def from_json(cls, value: dict) -> typing.Self:
        """Reads what `to_json` gave."""
        return cls(
            value["width"],
            np.array(value["bins"], np.int64),
            np.array(value["counts"], np.int64),
        )


def _sum_up(bins, counts):
    distinct, place = np.unique(bins, return_inverse=True)
    return distinct, np.bincount(
        place, weights=counts, minlength=len(distinct)
    ).astype(np.int64)


def choose_split(
    positives: TimeHistogram, eval_fraction: float, split_timestamp: int
) -> int:
    """Returns the first second that evaluates.

    Events of one bin stay together. Of the starts of bins, the one whose
    share of later events comes closest to `eval_fraction` is taken, the later
    one of two as close.

    Args:
      positives: When the positive events happened.
      eval_fraction: Share that evaluates.
      split_timestamp: Given by hand, 0 where not.

    Raises:
      DataError: One of the sides would be empty.
    """
    total = int(positives.counts.sum())
    if not total:
        raise DataError(
            "the log has no event of the setting positive_event_types; there "
            "is nothing to learn from"
        )
    starts = positives.bins * positives.width
    if split_timestamp:
        later = positives.counts[starts >= split_timestamp].sum()
        if not 0 < later < total:
            raise DataError(
                f"split_timestamp {split_timestamp} leaves {total - later} "
                f"positive events for training and {later} for evaluation; "
                "at least 1 each is needed; the log's positive events lie "
                f"from {starts[0]} to {starts[-1] + positives.width - 1}"
            )
        return split_timestamp
    if len(starts) < 2:
        raise DataError(
            f"all {total} positive events have the timestamp {starts[0]}; at "
            "least two different times are needed to split by time"
        )
    later = total - np.cumsum(positives.counts)[:-1]
    distance = np.abs(later / total - eval_fraction)
    best = len(distance) - 1 - int(np.argmin(distance[::-1]))
    return int(starts[best + 1])
