"""The one evaluation that every model of the benchmark goes through.

It is the pipeline's own: `components.retrieval_evaluator.evaluation` ranks
the whole catalogue, block by block, with the user's earlier items taken out,
so that a target among them is a miss, and breaks ties by a fixed permutation.
"""

import dataclasses
import typing

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.sequences import Score, Sequences, Split
from components.retrieval_evaluator import evaluation as pipeline
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from models.metrics import popularity, retrieval

# Of the figures by slice.
LONG_TAIL_EVENTS = popularity.TAIL_EVENTS
# What is chosen by.
CHOICE = "ndcg@10"
_SETTINGS = RetrievalEvaluationSettings(exclude_seen=True)


@dataclasses.dataclass(frozen=True)
class Ranked:
    """How a model ranked the catalogue for some users.

    Attributes:
      ranks: int64 [users], items before the target.
      top: int32 [users, 10], the best rows, −1 where there are no more.
    """

    ranks: NDArray[np.int64]
    top: NDArray[np.int32]

    def mean(self, name: str) -> float:
        """Returns one figure of `retrieval.query_figures`, over all users."""
        return float(retrieval.query_figures(self.ranks)[name].mean())


def rank(
    data: Sequences,
    score: Score,
    split: Split,
    users: NDArray[np.int64] | None = None,
) -> Ranked:
    """Ranks the whole catalogue for each user's target.

    Args:
      data: The sequences.
      score: What is evaluated.
      split: Which targets.
      users: int64, rows of the users to ask for; all `asked` where absent.

    Raises:
      ValueError: A score is not a number, or is not one for each item.
    """
    asked = data.asked if users is None else users
    found = pipeline.evaluate(
        _by_place(data, score, split, asked),
        pipeline.Queries(
            histories=data.histories(split, asked),
            targets=data.targets(split, asked),
        ),
        data.num_items,
        _SETTINGS,
    )
    return Ranked(ranks=found.ranks, top=found.top)


def figures(
    data: Sequences, ranked: Ranked, split: Split
) -> dict[str, typing.Any]:
    """Sums up what `rank` found for all users that are asked for.

    Returns:
      `hr@5` … `mrr` (`retrieval.query_figures`); `ndcg@10_by_item` and
      `hr@10_by_item`, in which every target item counts once; `coverage@10`
      and `novelty@10` of the lists; and `slices`: the same means and the
      number of users for targets that nobody chose in training (`cold`), that
      up to `LONG_TAIL_EVENTS` did, cold ones included (`long_tail`), and the
      others (`head`), as far as there are such.
    """
    counts = data.training_counts()
    targets = data.targets(split)
    of_users = retrieval.query_figures(ranked.ranks)
    seen = counts[targets]
    slices = {
        "cold": seen == 0,
        "long_tail": seen <= LONG_TAIL_EVENTS,
        "head": seen > LONG_TAIL_EVENTS,
    }
    return {
        **{name: float(values.mean()) for name, values in of_users.items()},
        "hr@10_by_item": retrieval.by_item(of_users["hr@10"], targets),
        "ndcg@10_by_item": retrieval.by_item(of_users["ndcg@10"], targets),
        "coverage@10": retrieval.coverage(ranked.top, data.num_items),
        "novelty@10": retrieval.novelty(ranked.top, counts),
        "slices": {
            name: {
                "users": int(mask.sum()),
                **{
                    figure: float(values[mask].mean())
                    for figure, values in of_users.items()
                },
            }
            for name, mask in slices.items()
            if mask.any()
        },
    }


def _by_place(
    data: Sequences, score: Score, split: Split, asked: NDArray[np.int64]
) -> pipeline.Scores:
    """Asks a model for blocks of users, and looks at what comes."""

    def scores(first: int, last: int) -> NDArray[np.float32]:
        block = score(asked[first:last], split)
        if block.shape != (last - first, data.num_items):
            raise ValueError(
                f"a model gave scores of shape {block.shape} for "
                f"{last - first} users and {data.num_items} items"
            )
        return block

    return scores
