"""What was predicted against what came, after the time that was learned from.

Asked are steps of a session (a search, a view, a click), each from what came
before it alone, and what was browsed at the ends of days.
"""

import dataclasses

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.intent import calibration, fitting, job, pairs, steps
from applications.intent.content import Content
from applications.intent.job import Trained
from applications.intent.steps import ASKING, NOW_KIND, Labels, Steps
from models.metrics import retrieval
from models.metrics.lists import hit_figures

TOP = 3
# How far back the rule of recency looks for other categories.
_LOOKED_AT = 30


@dataclasses.dataclass(frozen=True)
class Asked:
    """Steps of sessions after the split, and what came.

    Attributes:
      steps: All steps, sorted.
      places: int64 [asked], in them.
      labels: Of the asked.
      categories: float32 [asked, categories + 1], predicted.
      buys: float32 [asked, horizons], predicted.
    """

    steps: Steps
    places: NDArray[np.int64]
    labels: Labels
    categories: NDArray[np.float32]
    buys: NDArray[np.float32]


def sessions(trained: Trained, log: pa.Table) -> Asked:
    """Asks at every search, view and click after the split.

    Args:
      trained: The models.
      log: Of the time before and after it.
    """
    walked = steps.with_questions(steps.from_log(log, trained.content))
    wanted = (walked.time >= trained.until) & np.isin(walked.kind, ASKING)
    told = steps.label(
        walked, trained.content, trained.settings.horizons, walked.end
    )
    categories, buys = fitting.ask(
        trained.network, walked, wanted, trained.settings.length
    )
    return Asked(
        walked,
        np.flatnonzero(wanted),
        Labels(told.category[wanted], told.bought[wanted]),
        categories,
        buys,
    )


@dataclasses.dataclass(frozen=True)
class CategoryLists:
    """Three categories by each method, at steps after which one was chosen.

    Attributes:
      truth: int64 [lists], the category that came, from 1.
      told: int64 [lists, TOP] by method, the likeliest first; -1 for none.
      number: Categories that there are.
    """

    truth: NDArray[np.int64]
    told: dict[str, NDArray[np.int64]]
    number: int

    def accuracy(self) -> dict[str, float]:
        """Returns how often the category is among the three, by method."""
        if not len(self.truth):
            return {}
        return {
            name: float((told == self.truth[:, None]).any(1).mean())
            for name, told in self.told.items()
        }

    def figures(self) -> dict[str, dict[str, float]]:
        """Returns precision, recall, F1, NDCG and coverage of three."""
        if not len(self.truth):
            return {}
        one = np.ones(len(self.truth), np.int64)
        return {
            name: {
                metric: float(values.mean())
                for metric, values in hit_figures(
                    told == self.truth[:, None], one
                ).items()
            }
            | {
                f"coverage@{TOP}": retrieval.coverage(
                    np.where(told > 0, told, -1), self.number
                )
            }
            for name, told in self.told.items()
        }


def category_lists(asked: Asked, content: Content, until: int) -> CategoryLists:
    """Lets each method name three categories for the next choice.

    `last click` takes the categories of the last items, newest first, then
    the most popular ones; `majority` always the most popular ones of before
    the split; `transitions` what followed the last category most often then.
    """
    there = asked.labels.category > 0
    truth = asked.labels.category[there]
    number = len(content.categories)
    if not len(truth):
        return CategoryLists(truth, {}, number)
    places = asked.places[there]
    walked = asked.steps
    chosen = (
        np.isin(walked.kind, steps.CHOICES)
        & (walked.time < until)
        & (content.category[walked.row] > 0)
    )
    size = len(content.categories) + 1
    popular = np.bincount(content.category[walked.row[chosen]], minlength=size)
    popular[0] = -1
    best = np.argsort(-popular, kind="stable")[:TOP]
    recent = recent_categories(walked, content, places, best)
    moves = _transitions(walked, content, chosen, size)
    moved = np.argsort(
        -(moves[recent[:, 0]] + popular / (popular.sum() + 1)),
        axis=1,
        kind="stable",
    )[:, :TOP]
    ours = (
        1
        + np.argsort(-asked.categories[there][:, 1:], axis=1, kind="stable")[
            :, :TOP
        ]
    )
    lists = {
        "daogou": ours,
        "last click": recent,
        "transitions": moved,
        "majority": np.broadcast_to(best, (len(truth), len(best))),
    }
    return CategoryLists(
        truth, {name: _three(told) for name, told in lists.items()}, number
    )


def _three(told):
    """Fills up with -1 where there are fewer categories than that."""
    missing = TOP - told.shape[1]
    return np.pad(told, [(0, 0), (0, missing)], constant_values=-1)


def recent_categories(
    walked: Steps,
    content: Content,
    places: NDArray[np.int64],
    popular: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Returns the last distinct categories at steps, [places, 3].

    Args:
      walked: Sorted.
      content: For categories.
      places: Of the steps.
      popular: int64 [3], which fill up.
    """
    found = np.full((len(places), TOP), -1, np.int64)
    filled = np.zeros(len(places), np.int64)

    def add(category, good):
        good = good & (filled < TOP) & (category > 0)
        good &= ~(found == category[:, None]).any(1)
        rows = np.flatnonzero(good)
        found[rows, filled[rows]] = category[rows]
        filled[rows] += 1

    for back in range(_LOOKED_AT):
        place = np.maximum(places - back, 0)
        same = (places >= back) & (walked.user[place] == walked.user[places])
        add(content.category[walked.row[place]].astype(np.int64), same)
    for category in popular:
        add(np.full(len(places), category), np.ones(len(places), bool))
    return found


def _transitions(walked, content, chosen, size):
    """Counts which category followed which, of users' choices."""
    place = np.flatnonzero(chosen)
    category = content.category[walked.row[place]]
    same = walked.user[place[1:]] == walked.user[place[:-1]]
    counted = np.zeros((size, size))
    np.add.at(counted, (category[:-1][same], category[1:][same]), 1)
    return counted


def browsed(
    trained: Trained, log: pa.Table
) -> tuple[pairs.Pairs, NDArray[np.int64], NDArray[np.float32]] | None:
    """Asks what of the browsed was bought, at the ends of days.

    Returns:
      The pairs whose answer the log knows, labels and chances [pairs, 2];
      None where the log is too short.
    """
    if trained.pair_model is None:
        return None
    settings = trained.settings
    walked = steps.with_questions(steps.from_log(log, trained.content))
    questions = np.flatnonzero(
        (walked.kind == NOW_KIND)
        & (walked.time >= trained.until)
        & (walked.time + settings.days * 86_400 <= walked.end)
    )
    if not len(questions):
        return None
    found = job.find_pairs(walked, trained.content, settings, questions)
    told = pairs.bought(
        walked, trained.content, found, settings.days, walked.end
    )
    return found, told, trained.pair_model.chances(found.features)


def calibrated(trained: Trained, log: pa.Table) -> dict:
    """Returns figures of the pairs: `item` and `category`; {} without any."""
    asked = browsed(trained, log)
    if asked is None:
        return {}
    _, told, chances = asked
    return {
        name: calibration.figures(told[:, head], chances[:, head])
        for head, name in enumerate(("item", "category"))
    }
