"""Ranks the whole catalogue for each query and sums up by slice.

Every method goes through `evaluate`: the same targets, the same items taken
out, the same ties.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.baselines import Baseline
from models.cooccurrence.sequences import ItemSequences
from models.metrics import (
    catalogue_order,
    intervals,
    popularity,
    retrieval,
)

TOP = 10
# Copies of a block of scores that ranking makes on the way.
_COPIES = 4
_MOST_ROWS = 1024

# (first, last) → float32 [last − first, items], writable.
Scores = Callable[[int, int], NDArray[np.float32]]


@dataclasses.dataclass(frozen=True)
class Queries:
    """What is asked, in item rows.

    Attributes:
      histories: One sequence a query; steps on unknown items left out.
      targets: int32 [queries], the item that came.
    """

    histories: ItemSequences
    targets: NDArray[np.int32]

    @classmethod
    def of_steps(
        cls,
        sequences: ItemSequences,
        steps: NDArray[np.int64],
        max_history: int,
    ) -> "Queries":
        """Asks for some steps of the sequences, each with what came before.

        Args:
          sequences: Where the steps are.
          steps: int64 [queries], positions in `sequences.rows`.
          max_history: Steps of the history that count, the latest.
        """
        first = sequences.offsets[sequences.sequence_of_step()[steps]]
        first = np.maximum(first, steps - max_history)
        lengths = steps - first
        offsets = np.r_[0, np.cumsum(lengths)].astype(np.int64)
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        taken = np.repeat(first, lengths) + place
        return cls(
            histories=ItemSequences(
                rows=sequences.rows[taken],
                offsets=offsets,
                timestamps=sequences.timestamps[taken],
                positive=sequences.positive[taken],
            ),
            targets=sequences.rows[steps],
        )


@dataclasses.dataclass(frozen=True)
class Result:
    """How one method ranked.

    Attributes:
      ranks: int64 [queries], items before the target.
      top: int32 [queries, TOP], the best rows, −1 where there are no more.
      top_scores: float32 [queries, TOP], theirs.
      num_items: Size of the catalogue.
    """

    ranks: NDArray[np.int64]
    top: NDArray[np.int32]
    top_scores: NDArray[np.float32]
    num_items: int

    def overall(self) -> dict[str, float]:
        """The metrics of all queries."""
        return self._of(np.ones(len(self.ranks), bool))

    def debiased(
        self,
        targets: NDArray[np.int32],
        train_counts: NDArray[np.int64],
    ) -> dict[str, float]:
        """Says what popularity hides: every target item counts once.

        Args:
          targets: int32 [queries], the item that came.
          train_counts: int64 [items], training steps on each item.
        """
        hits = (self.ranks < 50).astype(np.float64)
        return {
            "recall@50_by_item": retrieval.by_item(hits, targets),
            "ndcg@10_by_item": retrieval.by_item(
                retrieval.gains(self.ranks, TOP), targets
            ),
            "novelty@10": retrieval.novelty(self.top, train_counts),
        }

    def diversity(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """Says how unlike each other the items of a list are.

        Args:
          vectors: float32 [items, d], the same for all methods compared.

        Returns:
          `diversity@10`; nothing where no list has two items.
        """
        value = retrieval.diversity(self.top, vectors)
        return {} if np.isnan(value) else {f"diversity@{TOP}": value}

    def intervals(
        self, users: NDArray[np.object_], seed: int
    ) -> dict[str, list[float]]:
        """The 95 % confidence intervals [low, high], by resampling users.

        Args:
          users: bytes objects [queries].
          seed: Of the draws; methods on one seed see the same.
        """
        return {
            name: list(
                intervals.interval(
                    intervals.bootstrap_means(values, users, seed=seed)
                )
            )
            for name, values in self._by_query().items()
        }

    def lead(
        self, other: "Result", users: NDArray[np.object_], seed: int
    ) -> dict[str, dict[str, float]]:
        """By how much this method is ahead on the same queries.

        Args:
          other: The result of another method.
          users: bytes objects [queries].
          seed: Of the draws.

        Returns:
          `mean`, `low`, `high` (95 %) and `p` of each metric's difference.
        """
        theirs = other._by_query()
        return {
            name: dataclasses.asdict(
                intervals.paired_difference(
                    values, theirs[name], users, seed=seed
                )
            )
            for name, values in self._by_query().items()
        }

    def _by_query(self):
        """Returns the figures whose certainty is told, float [queries]."""
        return {
            "recall@50": (self.ranks < 50).astype(np.float64),
            "ndcg@10": retrieval.gains(self.ranks, TOP),
        }

    def by_slice(self, slices: dict[str, NDArray[np.bool_]]) -> dict[str, dict]:
        """The metrics and the number of queries of each slice not empty."""
        return {
            name: {"queries": int(mask.sum()), **self._of(mask)}
            for name, mask in slices.items()
            if mask.any()
        }

    def _of(self, mask):
        return {
            **retrieval.retrieval_metrics(self.ranks[mask]),
            "coverage@10": retrieval.coverage(self.top[mask], self.num_items),
        }


def scores_of(method: Baseline, queries: Queries) -> Scores:
    """Scores of a method that knows item rows only."""
    return lambda first, last: method.scores(
        queries.histories.slice(first, last)
    )


def scores_of_vectors(
    query_vectors: NDArray[np.float32], item_vectors: NDArray[np.float32]
) -> Scores:
    """Scores of a two-tower model: dot products [queries, d] x [items, d]."""
    return lambda first, last: query_vectors[first:last] @ item_vectors.T


def with_neighbours(
    scores: Scores,
    neighbours: sp.csr_array,
    unseen_offset: NDArray[np.float32],
    unseen: NDArray[np.bool_],
) -> Scores:
    """Adds what neighbours of the histories say.

    Args:
      scores: Of the method.
      neighbours: float32 [queries, items], to be added.
      unseen_offset: float32 [queries], to be added for unseen items.
      unseen: bool [items], those that training has not seen.
    """

    def both(first, last):
        block = scores(first, last)
        near = neighbours[first:last].tocoo()
        block[near.row, near.col] += near.data
        block[:, unseen] += unseen_offset[first:last, np.newaxis]
        return block

    return both


def evaluate(
    scores: Scores,
    queries: Queries,
    num_items: int,
    settings: RetrievalEvaluationSettings,
) -> Result:
    """Ranks the catalogue for all queries, a block at a time.

    Args:
      scores: Of the method.
      queries: What is asked.
      num_items: Size of the catalogue.
      settings: `exclude_seen` and `chunk_megabytes` act here.
    """
    order = catalogue_order.tie_order(num_items)
    rows = settings.chunk_megabytes * 2**20 // (4 * _COPIES * num_items)
    rows = int(np.clip(rows, 1, _MOST_ROWS))
    ranks, top, top_scores = [], [], []
    for first in range(0, len(queries.targets), rows):
        last = min(first + rows, len(queries.targets))
        block = scores(first, last)
        if settings.exclude_seen:
            seen = queries.histories.slice(first, last)
            block[seen.sequence_of_step(), seen.rows] = -np.inf
        ranks.append(
            catalogue_order.target_ranks(
                block, queries.targets[first:last], order
            )
        )
        best = catalogue_order.top_items(block, TOP, order)
        top.append(best)
        top_scores.append(
            np.take_along_axis(block, np.maximum(best, 0), axis=1)
        )
    width = min(TOP, num_items)
    return Result(
        ranks=np.concatenate([np.zeros(0, np.int64), *ranks]),
        top=np.concatenate([np.zeros((0, width), np.int32), *top]),
        top_scores=np.concatenate(
            [np.zeros((0, width), np.float32), *top_scores]
        ),
        num_items=num_items,
    )


def make_slices(
    history_lengths: NDArray[np.int64],
    targets: NDArray[np.int32],
    train_counts: NDArray[np.int64],
    has_query: NDArray[np.bool_],
) -> dict[str, NDArray[np.bool_]]:
    """Marks the queries of each slice.

    Args:
      history_lengths: int64 [queries], steps that the request holds.
      targets: int32 [queries].
      train_counts: int64 [items], training steps on each item.
      has_query: bool [queries], whether something was searched for.

    Returns:
      Name of a slice → bool [queries].
    """
    slices = {
        name: (low <= history_lengths) & (history_lengths < high)
        for name, low, high in (
            ("history 0", 0, 1),
            ("history 1-4", 1, 5),
            ("history 5-19", 5, 20),
            ("history 20+", 20, np.inf),
        )
    }
    count = train_counts[targets]
    head = popularity.of_the_head(train_counts)[targets]
    slices["target cold"] = count == 0
    slices["target tail"] = (count > 0) & ~head
    slices["target head"] = head
    slices["with query"] = has_query
    slices["without query"] = ~has_query
    return slices
