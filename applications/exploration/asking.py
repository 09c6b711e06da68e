"""Asks a servable for what may be on a user's page."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.exploration.evidence import Evidence
from applications.exploration.reranking import Candidates
from applications.exploration.settings import ExplorationSettings
from applications.exploration.thompson import believe
from schema.errors import DataError
from serving.in_process import Recommender
from serving.requests import EVERYTHING, Only, Request


def ask_candidates(
    model: Recommender,
    request: Request,
    evidence: Evidence,
    settings: ExplorationSettings,
    only: Only = EVERYTHING,
) -> Candidates:
    """Asks `recommend` twice: for all items, and for those to explore.

    Both are limited inside the search, so what is explored fits the user as
    well, and no limit is passed over for its sake. What is listed after the
    request's time is not explored.

    Args:
      model: The servable.
      request: The user, as of now.
      evidence: Of all items.
      settings: How many candidates, who is new, and whose chance of a click
        is the prior.
      only: What alone may be on the page.

    Returns:
      Candidates whose items are rows of `evidence`.

    Raises:
      DataError: The servable has no such head, or refuses.
    """
    chance = f"p_{settings.head}"

    def asked(limits: Only):
        answer = model.recommend(request, settings.candidates, only=limits)
        if chance not in answer:
            raise DataError(
                f"the servable has no ranking head {settings.head!r}"
            )
        item_ids = answer["item_ids"][0].astype("S").astype(str)
        rows = evidence.rows(item_ids)
        # A slot that could not be filled has an empty id.
        kept = (item_ids != "") & (rows >= 0)
        return (
            rows[kept],
            answer["scores"][0][kept].astype(np.float64),
            answer[chance][0][kept],
        )

    rows, scores, _ = asked(only)
    pool = explorable(evidence, request.timestamp, settings)
    if only.item_ids:
        pool &= np.isin(evidence.item_ids, np.array(list(only.item_ids)))
    explored, chances = np.zeros(0, np.int64), np.zeros(0)
    if pool.any():
        named = evidence.item_ids[pool].tolist()
        explored, _, chances = asked(dataclasses.replace(only, item_ids=named))
    return Candidates(
        items=rows,
        scores=scores,
        novelty=evidence.novelty()[rows],
        explored=explored,
        beliefs=believe(
            chances,
            np.full(len(explored), evidence.rate),
            evidence.shown[explored],
            evidence.clicked[explored],
            settings.prior_strength,
        ),
    )


def explorable(
    evidence: Evidence, timestamp: int, settings: ExplorationSettings
) -> NDArray[np.bool_]:
    """Marks what may be explored: new and tail items that are listed."""
    pool = evidence.new(settings.few_choices)
    pool |= evidence.tail(settings.few_choices)
    return pool & (evidence.listed_at <= timestamp)
