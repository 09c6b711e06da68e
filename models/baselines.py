"""The methods that the model has to beat: popularity and item-kNN.

Both learn from sequences of item rows and answer with a score for every item
of the catalogue, as the model's dot product does, so that one evaluation ranks
all of them. Their hyperparameters are chosen on a part of the training
sequences that is held out (`components/retrieval_evaluator/tuning.py`): a
baseline that nobody tuned is no bar.
"""

import dataclasses
import itertools
import typing
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

# Multiplications that one block of the co-occurrence product may cost; bounds
# its memory at about 12 bytes each.
_BLOCK_PRODUCTS = 20_000_000
_SECONDS_PER_DAY = 86_400.0


@dataclasses.dataclass(frozen=True)
class ItemSequences:
    """Many sequences of steps, end to end.

    Attributes:
      rows: int32 [steps], item row in the catalogue, oldest first within a
        sequence.
      offsets: int64 [sequences + 1], where each begins; the last is `steps`.
      timestamps: int64 [steps], Unix seconds.
      positive: bool [steps], whether a step of its type is to be predicted.
    """

    rows: NDArray[np.int32]
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    positive: NDArray[np.bool_]

    @classmethod
    def from_lists(
        cls,
        rows: Sequence[Sequence[int]],
        timestamps: Sequence[Sequence[int]] | None = None,
    ) -> typing.Self:
        """Builds from one list a sequence; every step is positive.

        >>> ItemSequences.from_lists([[3, 1], [2]]).offsets
        array([0, 2, 3])
        """
        lengths = np.array([len(row) for row in rows], np.int64)
        flat = [item for row in rows for item in row]
        times = [t for row in timestamps or [] for t in row]
        return cls(
            rows=np.array(flat, np.int32),
            offsets=np.r_[0, np.cumsum(lengths)].astype(np.int64),
            timestamps=np.array(times or np.zeros(len(flat)), np.int64),
            positive=np.ones(len(flat), bool),
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [sequences], number of steps of each."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def slice(self, start: int, stop: int) -> typing.Self:
        """Returns sequences `start` to `stop` (excluded), without a copy."""
        first, last = self.offsets[start], self.offsets[stop]
        return dataclasses.replace(
            self,
            rows=self.rows[first:last],
            offsets=self.offsets[start : stop + 1] - first,
            timestamps=self.timestamps[first:last],
            positive=self.positive[first:last],
        )

    def keep(self, steps: NDArray[np.bool_]) -> typing.Self:
        """Returns the same sequences with only the steps marked.

        Args:
          steps: bool [steps].
        """
        kept = np.r_[0, np.cumsum(steps)].astype(np.int64)
        return dataclasses.replace(
            self,
            rows=self.rows[steps],
            offsets=kept[self.offsets],
            timestamps=self.timestamps[steps],
            positive=self.positive[steps],
        )

    def sequence_of_step(self) -> NDArray[np.int64]:
        """Returns int64 [steps], which sequence each belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)


class Baseline(typing.Protocol):
    """What the evaluation asks of a method that knows item rows only."""

    def scores(self, histories: ItemSequences) -> NDArray[np.float32]:
        """Returns float32 [histories, items], a writable array."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PopularitySettings:
    """How `Popularity` counts.

    Attributes:
      half_life_days: Age in days before the end of training at which an event
        counts half; 0 counts all alike.
    """

    half_life_days: float = 0.0


class Popularity:
    """Scores every item by how often it was chosen, the same for all users."""

    def __init__(self, counts: NDArray[np.number]):
        self.counts = np.asarray(counts, np.float32)

    @classmethod
    def fit(
        cls,
        sequences: ItemSequences,
        num_items: int,
        settings: PopularitySettings,
    ) -> typing.Self:
        """Counts the positive steps.

        Args:
          sequences: Training steps.
          num_items: Size of the catalogue.
          settings: Decay with age.
        """
        rows = sequences.rows[sequences.positive]
        times = sequences.timestamps[sequences.positive]
        if not len(rows):
            return cls(np.zeros(num_items))
        age_days = (times.max() - times) / _SECONDS_PER_DAY
        weights = _decay(age_days, settings.half_life_days)
        return cls(np.bincount(rows, weights, num_items))

    def scores(self, histories: ItemSequences) -> NDArray[np.float32]:
        """Returns float32 [histories, items], one row repeated."""
        return np.tile(self.counts, (len(histories), 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemKnnSettings:
    """Hyperparameters of `ItemKnn`.

    Attributes:
      shrink: Added to the norm; makes few common users count less. At least 0.
      neighbours: Most similar items kept of each item, at least 1.
      half_life_steps: Number of steps after which a step of the history counts
        half; 0 counts all alike.
      repeat: Factor on the similarity of an item to itself: 0 never brings a
        seen item back, 1 puts it before all others.
    """

    shrink: float = 10.0
    neighbours: int = 200
    half_life_steps: float = 5.0
    repeat: float = 0.0


class ItemKnn:
    """Sums, over the history, how often items are chosen by the same users.

    The similarity of an item `i` of a history to a candidate `j` is
    `common / (sqrt(n_i n_j) + shrink)`, where `common` counts the sequences
    with both, `n_i` those with `i` and `n_j` those with a positive step on `j`
    (Sarwar et al. 2001; shrinkage as in Koren 2008). Items that no neighbour
    of the history supports follow after all others in order of popularity, so
    that a user without a history is shown what is popular.
    """

    def __init__(
        self,
        similarity: sp.csr_array,
        counts: NDArray[np.floating],
        settings: ItemKnnSettings,
    ):
        self.similarity = similarity
        self.settings = settings
        # −1 … below 0: under every score of a neighbour.
        self._fallback = (
            np.asarray(counts) / (np.max(counts, initial=0.0) + 1.0) - 1.0
        ).astype(np.float32)

    @classmethod
    def fit(
        cls,
        sequences: ItemSequences,
        num_items: int,
        settings: ItemKnnSettings,
        popularity: Popularity | None = None,
    ) -> typing.Self:
        """Counts pairs of items in the same sequence, keeps the nearest.

        Args:
          sequences: Training steps; each sequence is one user's.
          num_items: Size of the catalogue.
          settings: Shrinkage and number of neighbours act here.
          popularity: Orders what no neighbour supports; that of all positive
            steps alike where absent.
        """
        seen = _incidence(sequences, num_items)
        chosen = _incidence(sequences.keep(sequences.positive), num_items)
        if popularity is None:
            popularity = Popularity.fit(
                sequences, num_items, PopularitySettings()
            )
        similarity = _similarity(seen, chosen, settings)
        return cls(similarity, popularity.counts, settings)

    def with_settings(self, settings: ItemKnnSettings) -> typing.Self:
        """Returns it with other scoring, or fewer neighbours, without a fit.

        Args:
          settings: With the same shrink and at most as many neighbours.
        """
        similarity = self.similarity
        if settings.neighbours < self.settings.neighbours:
            similarity = _nearest(similarity, settings.neighbours)
        other = type(self)(similarity, np.zeros(0), settings)
        other._fallback = self._fallback
        return other

    def scores(self, histories: ItemSequences) -> NDArray[np.float32]:
        """Returns float32 [histories, items]."""
        age = histories.offsets[1:][histories.sequence_of_step()]
        age = age - 1 - np.arange(len(histories.rows))
        weights = _decay(age, self.settings.half_life_steps)
        shape = (len(histories), self.similarity.shape[0])
        history = sp.csr_array(
            (weights, histories.rows, histories.offsets),
            shape=shape,
            copy=True,
        )
        found = history @ self.similarity
        if self.settings.repeat:
            found = found + self.settings.repeat * history
        found = sp.csr_array(found)
        found.sum_duplicates()
        scores = np.tile(self._fallback, (len(histories), 1))
        query = np.repeat(np.arange(len(histories)), np.diff(found.indptr))
        scores[query, found.indices] = found.data
        return scores


def _decay(age: NDArray, half_life: float) -> NDArray[np.float32]:
    if not half_life:
        return np.ones(len(age), np.float32)
    return np.exp2(-age / half_life).astype(np.float32)


def _incidence(sequences: ItemSequences, num_items: int) -> sp.csr_array:
    """float32 [sequences, items], 1 where the item is in the sequence."""
    matrix = sp.csr_array(
        (
            np.ones(len(sequences.rows), np.float32),
            sequences.rows,
            sequences.offsets,
        ),
        shape=(len(sequences), num_items),
        # Summing duplicates works in place; the steps must keep their order.
        copy=True,
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _column_counts(matrix: sp.csr_array) -> NDArray[np.int64]:
    return np.bincount(matrix.indices, minlength=matrix.shape[1])


def _similarity(
    seen: sp.csr_array, chosen: sp.csr_array, settings: ItemKnnSettings
) -> sp.csr_array:
    """float32 [items, items] of the nearest neighbours, in bounded blocks."""
    num_items = seen.shape[1]
    by_item = sp.csr_array(seen.T)
    norm_seen = np.sqrt(_column_counts(seen)).astype(np.float32)
    norm_chosen = np.sqrt(_column_counts(chosen)).astype(np.float32)
    # What each row of the product costs: the lengths of its users' sequences.
    cost = by_item @ np.diff(chosen.indptr).astype(np.float64)
    block = (np.cumsum(cost) // _BLOCK_PRODUCTS).astype(np.int64)
    edges = np.r_[0, np.flatnonzero(np.diff(block)) + 1, num_items]
    blocks = []
    for first, last in itertools.pairwise(edges):
        common = (by_item[first:last] @ chosen).tocoo()
        other = common.row + first != common.col
        row, col = common.row[other], common.col[other]
        value = common.data[other] / (
            norm_seen[row + first] * norm_chosen[col] + settings.shrink
        )
        piece = sp.csr_array(
            (value, (row, col)), shape=(last - first, num_items)
        )
        blocks.append(_nearest(piece, settings.neighbours))
    return sp.csr_array(sp.vstack(blocks, format="csr", dtype=np.float32))


def _nearest(similarity: sp.csr_array, neighbours: int) -> sp.csr_array:
    """Keeps the largest values of each row, the lower column of equal ones.

    Args:
      similarity: float32 [rows, items], values above 0.
      neighbours: Values kept in a row at most.
    """
    length = np.diff(similarity.indptr)
    if length.max(initial=0) <= neighbours:
        return similarity
    row = np.repeat(np.arange(similarity.shape[0]), length)
    similarity.sort_indices()
    # Bits of positive floats order as the floats do, so one integer key sorts
    # by row, then by falling value, several times as fast as two keys.
    bits = similarity.data.astype(np.float32).view(np.uint32).astype(np.int64)
    order = np.argsort((row.astype(np.int64) << 32) - bits, kind="stable")
    place = np.arange(len(order)) - similarity.indptr[row]
    kept = np.sort(order[place < neighbours])
    kept_length = np.minimum(length, neighbours)
    return sp.csr_array(
        (
            similarity.data[kept],
            similarity.indices[kept],
            np.r_[0, np.cumsum(kept_length)],
        ),
        shape=similarity.shape,
    )
