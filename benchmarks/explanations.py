"""Whether the reasons that are given are the reasons that there are.

Takes away the item of the history that a recommendation cites, and instead of
it another one by chance, and asks the servable to rank the same page again, as
any client could. A reason is faithful where the item loses more by the one
that was cited. `daogou bench explanations --preset demo` runs it.
"""

import collections
import dataclasses
import pathlib
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.in_process import Recommender
from serving.requests import HISTORY_FIELDS, Page, Request

_SEED = 1
_WARM_UP = 3


def run(servable: pathlib.Path, requests: Sequence[Request], k: int) -> dict:
    """Asks for recommendations with reasons, and tests each.

    Args:
      servable: The version folder that answers.
      requests: Of users.
      k: Recommendations for each.

    Returns:
      `users`, `items` (recommended), `reasons` (how many items have each),
      `cases` (reasons that cite an item of a history with others in it),
      `faithful` (share of the cases in which the item loses more by what is
      cited than by another by chance), `loss` (of score, medians, by what is
      `cited` and by `another`), and `milliseconds` of a call without and with
      reasons, medians.
    """
    model = Recommender(servable)
    rng = np.random.default_rng(_SEED)
    reasons: collections.Counter = collections.Counter()
    cited, another = [], []
    seconds: dict[str, list[float]] = {"without": [], "with": []}
    for number, request in enumerate(requests):
        for name, page in (
            ("without", Page()),
            ("with", Page(explain=True)),
        ):
            begun = time.perf_counter()
            answer = model.recommend(request, k, page=page)
            if number >= _WARM_UP:
                seconds[name].append(time.perf_counter() - begun)
        hits = [
            (item.decode(), reason.decode(), evidence.decode())
            for item, reason, evidence in zip(
                *(
                    answer[name][0]
                    for name in ("item_ids", "reasons", "evidence")
                ),
                strict=True,
            )
            if item
        ]
        reasons.update(reason for _, reason, _ in hits)
        page_ids = [item for item, _, _ in hits]
        scores = _Scores(model, request, page_ids)
        others = sorted({*request.history_item_ids} - {""})
        for item, reason, evidence in hits:
            if reason != "history" or len(others) < 2:
                continue
            left = [other for other in others if other != evidence]
            whole = scores.without(None)[item]
            cited.append(whole - scores.without(evidence)[item])
            chance = left[rng.integers(len(left))]
            another.append(whole - scores.without(chance)[item])
    return {
        "users": len(requests),
        "items": sum(reasons.values()),
        "reasons": dict(reasons.most_common()),
        "cases": len(cited),
        "faithful": _rounded(np.mean(np.array(cited) > np.array(another))),
        "loss": {
            "cited": _rounded(np.median(cited)),
            "another": _rounded(np.median(another)),
        },
        "milliseconds": {
            name: round(1000 * statistics.median(taken), 2)
            for name, taken in seconds.items()
            if taken
        },
    }


class _Scores:
    """Scores of a page's items with an item of the history left out."""

    def __init__(self, model: Recommender, request: Request, item_ids):
        self._model = model
        self._request = request
        self._item_ids = item_ids
        self._found: dict[str | None, dict[str, float]] = {}

    def without(self, item_id: str | None) -> dict[str, float]:
        if item_id not in self._found:
            answer = self._model.rank(
                _without(self._request, item_id), self._item_ids
            )
            self._found[item_id] = {
                name.decode(): float(score)
                for name, score in zip(
                    answer["item_ids"][0], answer["scores"][0], strict=True
                )
                if name
            }
        return self._found[item_id]


def _without(request: Request, item_id: str | None) -> Request:
    kept = [
        step
        for step, name in enumerate(request.history_item_ids)
        if name != item_id
    ]
    history: dict[str, Any] = {
        name: [getattr(request, name)[step] for step in kept]
        for name in HISTORY_FIELDS
    }
    return dataclasses.replace(request, **history)


def _rounded(value) -> float:
    return round(float(value), 4)
