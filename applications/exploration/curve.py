"""What new and tail items get of the pages, and the NDCG that is paid for it.

On questions of the run's retrieval evaluation, which training has not seen:
what a user chose next, as of just before. Who is new, who is of the tail and
what is believed of click rates comes from the log before the split.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from applications.exploration.asking import ask_candidates, explorable
from applications.exploration.evidence import Evidence
from applications.exploration.reranking import Candidates, rerank
from applications.exploration.settings import ExplorationSettings
from applications.exploration.thompson import Beliefs
from applications.logged_pages import Questions
from datasets.mall.page_truth import PageTruth
from models.metrics import intervals, retrieval
from serving.in_process import Recommender

QUOTAS = (0.0, 0.1, 0.2, 0.3)
BOOSTS = (0.0, 0.5, 1.0, 2.0, 4.0)
_DRAWS = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """Questions with their candidates.

    Attributes:
      questions: What was asked.
      candidates: One a question.
      evidence: Of all items.
      chances: float64 [questions, items], the truth of a simulated mall; None
        where there is none.
      examination: float64 [slots], chance that a slot is looked at.
    """

    questions: Questions
    candidates: tuple[Candidates, ...]
    evidence: Evidence
    chances: NDArray[np.float64] | None
    examination: NDArray[np.float64] | None


def ask(
    model: Recommender,
    questions: Questions,
    evidence: Evidence,
    settings: ExplorationSettings,
    truth: PageTruth | None,
    *,
    progress: Callable[[int], None],
) -> Asked:
    """Asks the servable all questions.

    Args:
      model: The servable.
      questions: Of the split `sequence_eval`.
      evidence: As of the split time.
      settings: How many candidates, and who is new.
      truth: Of a simulated mall.
      progress: Is told how many questions are done.
    """
    candidates = []
    for done, request in enumerate(questions.requests, start=1):
        candidates.append(ask_candidates(model, request, evidence, settings))
        progress(done)
    chances = examination = None
    if truth is not None:
        chances = truth.chances(
            questions.user_ids,
            evidence.item_ids.astype(object),
            questions.timestamps,
            truth.wanted(questions.session_ids, questions.timestamps),
        )
        examination = truth.examination_of(settings.page)
    return Asked(
        questions=questions,
        candidates=tuple(candidates),
        evidence=evidence,
        chances=chances,
        examination=examination,
    )


def measure(asked: Asked, settings: ExplorationSettings) -> dict:
    """Puts the pages together and measures them, over five seeds.

    Returns:
      `ndcg` (of the page, one target) with its 95 % `interval` by resampling
      users; `new`, `tail`, `explored`: shares of the slots; `coverage`: share
      of new and tail items that anybody is shown; and `clicks`: expected
      clicks a page by the truth, if it is known.
    """
    evidence, questions = asked.evidence, asked.questions
    new = evidence.new(settings.few_choices)
    tail = evidence.tail(settings.few_choices)
    targets = evidence.rows(questions.targets)
    gains = np.zeros((_DRAWS, len(questions)))
    clicks = np.zeros((_DRAWS, len(questions)))
    shown = np.zeros((_DRAWS, len(evidence.item_ids)), np.int64)
    explored = 0
    draws = _DRAWS if settings.slots and settings.policy != "greedy" else 1
    for draw in range(draws):
        rng = np.random.default_rng([settings.seed, draw])
        for row, candidates in enumerate(asked.candidates):
            page = rerank(
                _wide(asked, candidates, row, settings), settings, rng
            )
            explored += int((page.place >= 0).sum())
            np.add.at(shown[draw], page.items, 1)
            at = np.flatnonzero(page.items == targets[row])
            if len(at):
                gains[draw, row] = retrieval.gains(at[:1], settings.page)[0]
            if asked.chances is not None and asked.examination is not None:
                looked = asked.examination[: len(page.items)]
                clicks[draw, row] = asked.chances[row, page.items] @ looked
    gains, clicks, shown = gains[:draws], clicks[:draws], shown[:draws]
    means = intervals.bootstrap_means(
        gains.mean(0), questions.user_ids.astype(str), seed=settings.seed
    )
    slots = shown.sum()
    found = {
        "ndcg": float(gains.mean()),
        "interval": list(intervals.interval(means)),
        "new": float(shown[:, new].sum() / slots),
        "tail": float(shown[:, tail].sum() / slots),
        "explored": float(explored / slots),
        "coverage": float((shown[:, new | tail] > 0).mean()),
    }
    if asked.chances is not None:
        found["clicks"] = float(clicks.mean())
    return found


def _wide(asked, candidates, row, settings):
    """Lets random exploration choose of everything, as is usual."""
    if settings.policy != "random":
        return candidates
    timestamp = int(asked.questions.timestamps[row])
    pool = np.flatnonzero(explorable(asked.evidence, timestamp, settings))
    ones = np.ones(len(pool))
    return dataclasses.replace(
        candidates, explored=pool, beliefs=Beliefs(ones, ones, ones)
    )


def curves(
    asked: Asked,
    settings: ExplorationSettings,
    *,
    quotas: Sequence[float] = QUOTAS,
    boosts: Sequence[float] = BOOSTS,
    progress: Callable[[str, int, int], None],
) -> dict[str, list[dict]]:
    """Measures each way of exploring at each of its strengths.

    Returns:
      By way (`thompson`, `greedy`, `random` by quota, `boost`) its points,
      each with `quota` and `boost` beside what `measure` returns.
    """
    plan = [
        (policy, quota, 0.0)
        for policy in ("thompson", "greedy", "random")
        for quota in quotas
    ] + [("boost", 0.0, boost) for boost in boosts]
    found: dict[str, list[dict]] = {}
    for done, (way, quota, boost) in enumerate(plan, start=1):
        changed = dataclasses.replace(
            settings,
            quota=quota,
            boost=boost,
            policy=settings.policy if way == "boost" else way,
        )
        point = {"quota": quota, "boost": boost, **measure(asked, changed)}
        found.setdefault(way, []).append(point)
        progress("curves", done, len(plan))
    return found
