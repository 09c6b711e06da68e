"""What context and rules are worth: questions of the run's own evaluation.

The requests are those of `sequence_eval`, each as of just before a choice
after the split. The servable answers as they are; without city, device and
scene, which the query tower reads; with the clock at another time of day and
week; and under rules. `daogou bench context --preset demo` runs it.
"""

import dataclasses
import pathlib
import typing
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from applications.logged_pages import Questions, read_questions
from models.metrics import retrieval
from models.metrics.catalogue_order import UNREACHABLE
from models.metrics.intervals import (
    bootstrap_means,
    interval,
    paired_difference,
)
from schema import festivals
from serving.in_process import Recommender
from serving.requests import Request
from serving.rules.applying import RuledCalls
from serving.rules.settings import Rule, Selector, When
from serving.rules.shelf import Shelf

K = 10
ON = "context on"
NO_PLACE = "without city, device, scene"
OTHER_TIME = "at another time"
FACTORS = (1.2, 1.5, 2.0)
_HALF_DAY, _THREE_DAYS = 43_200, 3 * 86_400

Progress = Callable[[str, int, int], None]


def festival_rules(
    scope: Sequence[str], factor: float, festival: str, lead_days: int
) -> tuple[Rule, ...]:
    """Returns the rule of a festival that lifts its categories.

    Args:
      scope: Category paths.
      factor: Of the boost.
      festival: Its name.
      lead_days: Days before it that count.
    """
    return (
        Rule(
            name=f"{festival} × {factor:g}",
            action="boost",
            factor=factor,
            items=Selector(categories=tuple(scope)),
            when=When(festivals=(festival,), lead_days=lead_days),
        ),
    )


def run(
    *,
    servable: pathlib.Path,
    examples: str,
    head: str,
    shelf: Shelf,
    rules: dict[str, tuple[Rule, ...]],
    at_most: int,
    progress: Progress,
) -> dict:
    """Asks every question in every way.

    Args:
      servable: The version folder that answers.
      examples: Folder of the run's behaviour examples, before Transform.
      head: Any head of the run's.
      shelf: The items.
      rules: By a name for people.
      at_most: How many questions, drawn where there are more.
      progress: Is told what is done.

    Returns:
      `questions`, `users`, and by way `ndcg@10` with an interval, recall,
      precision and F1 of ten, `lead` of NDCG over context as it is, and of
      rules on how many questions they `hold`.
    """
    questions = read_questions(examples, head, at_most, seed=0)
    model = Recommender(servable)
    ways: dict[str, tuple[typing.Any, Callable[[Request], Request]]] = {
        ON: (model, lambda one: one),
        NO_PLACE: (model, without_place),
        OTHER_TIME: (model, at_another_time),
    }
    for name, some in rules.items():
        ways[name] = (RuledCalls(model, some, shelf), lambda one: one)
    slots: dict[str, NDArray] = {}
    for name, (answering, changed) in ways.items():
        slots[name] = _slots(answering, changed, questions, name, progress)
    told = {}
    for name, found in slots.items():
        values = ndcg_of_slots(found)
        told[name] = {
            "ndcg@10": float(values.mean()),
            "interval": list(
                interval(bootstrap_means(values, questions.user_ids))
            ),
            **of_one_target(found),
        }
        if name == ON:
            continue
        told[name]["lead"] = dataclasses.asdict(
            paired_difference(
                values, ndcg_of_slots(slots[ON]), questions.user_ids
            )
        )
        if name in rules:
            answering = ways[name][0]
            told[name]["hold"] = sum(
                bool(answering.plan(one).rules) for one in questions.requests
            )
    return {
        "questions": len(questions),
        "users": len(np.unique(questions.user_ids.astype(str))),
        "ways": told,
    }


def without_place(request: Request) -> Request:
    """Returns a request that tells neither city, device nor scene."""
    return dataclasses.replace(request, city="", device="", scene="")


def at_another_time(request: Request) -> Request:
    """Returns a request half a day and three days later: same history."""
    later = request.timestamp + _HALF_DAY + _THREE_DAYS
    return dataclasses.replace(request, timestamp=later)


def ndcg_of_slots(slots: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns NDCG@10 of questions with one target each.

    >>> ndcg_of_slots(np.array([0, 1, -1])).round(4).tolist()
    [1.0, 0.6309, 0.0]

    Args:
      slots: int64 [questions], where the target came, from 0; -1 nowhere.
    """
    found = slots >= 0
    return np.where(found, 1 / np.log2(np.maximum(slots, 0) + 2), 0.0)


def of_one_target(slots: NDArray[np.int64]) -> dict[str, float]:
    """Returns recall, precision and F1 of ten, as `ndcg_of_slots` is asked.

    >>> of_one_target(np.array([0, -1]))
    {'recall@10': 0.5, 'precision@10': 0.05, 'f1@10': 0.09090909090909091}
    """
    ranks = np.where(slots >= 0, slots, UNREACHABLE)
    return {
        f"recall@{K}": retrieval.recall_at_k(ranks, K),
        f"precision@{K}": retrieval.precision_at_k(ranks, K),
        f"f1@{K}": retrieval.f1_at_k(ranks, K),
    }


def _slots(answering, changed, questions: Questions, name, progress):
    found = np.full(len(questions), -1, np.int64)
    for row, request in enumerate(questions.requests):
        answer = answering.recommend(changed(request), K)
        ids = [one.decode() for one in answer["item_ids"][0]]
        if questions.targets[row] in ids:
            found[row] = ids.index(questions.targets[row])
        progress(name, row + 1, len(questions))
    return found


def mall_rules(scope: Sequence[str]) -> dict[str, tuple[Rule, ...]]:
    """Returns what is measured on the mall: 双十一 and two days before it.

    Its scope is the mall's own for that festival; the factors are rules of
    thumb, none fitted to the questions.

    Args:
      scope: Category paths.
    """
    name = festivals.find("singles_day").name
    return {
        f"rule: {name} × {factor:g}": festival_rules(scope, factor, name, 2)
        for factor in FACTORS
    }
