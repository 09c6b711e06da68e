"""The methods that the model has to beat: popularity and item-kNN.

Both learn from sequences of item rows and answer with a score for every item
of the catalogue, as the model's dot product does, so that one evaluation ranks
all of them. Their hyperparameters are chosen on a part of the training
sequences that is held out (`components/retrieval_evaluator/tuning.py`): a
baseline that nobody tuned is no bar.
"""

import dataclasses
import typing

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from models.cooccurrence import counting
from models.cooccurrence.sequences import ItemSequences

_SECONDS_PER_DAY = 86_400.0


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

    The similarities are those of `models.cooccurrence.counting`. Items that no
    neighbour of the history supports follow after all others in order of
    popularity, so that a user without a history is shown what is popular.
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
        if popularity is None:
            popularity = Popularity.fit(
                sequences, num_items, PopularitySettings()
            )
        similarity = counting.similarity(
            sequences,
            num_items,
            shrink=settings.shrink,
            neighbours=settings.neighbours,
        )
        return cls(similarity, popularity.counts, settings)

    def with_settings(self, settings: ItemKnnSettings) -> typing.Self:
        """Returns it with other scoring, or fewer neighbours, without a fit.

        Args:
          settings: With the same shrink and at most as many neighbours.
        """
        similarity = self.similarity
        if settings.neighbours < self.settings.neighbours:
            similarity = counting.nearest(similarity, settings.neighbours)
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
