"""All figures of exploration on a run: curves, and days of a bandit."""

import pathlib
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.chances import ask_pages
from applications.exploration import bandit, curve
from applications.exploration.bandit import BanditSettings
from applications.exploration.evidence import read_evidence
from applications.exploration.reranking import explored_slots
from applications.exploration.settings import ExplorationSettings
from applications.figures import OURS, Figure, SystemFigures
from applications.logged_pages import (
    LoggedPages,
    read_pages,
    read_questions,
)
from components.retrieval_evaluator.requests import choose
from datasets.mall.ground_truth import GroundTruth
from datasets.mall.page_truth import PageTruth
from serving.in_process import Recommender

Progress = Callable[[str, int, int], None]
# New items that the bandit has to choose among, the latest listed.
_NEWEST = 100
# Of the quota that the report shows.
_SHOWN_QUOTA = 0.2


def measured(
    model: Recommender,
    examples: str,
    data_dir: pathlib.Path,
    items: pa.Table,
    settings: ExplorationSettings,
    *,
    num_questions: int,
    num_pages: int,
    days: BanditSettings,
    progress: Progress,
) -> dict:
    """Measures exploration on what came after a run's split.

    Args:
      model: The servable that the run pushed.
      examples: Its behaviour examples, before Transform.
      data_dir: Its tables, and the ground truth of a simulated mall.
      items: As `shop_items.read_items` returns.
      settings: Of exploration; quotas, boosts and policies are those of
        `curve`.
      num_questions: Held-out choices that are asked about, at most.
      num_pages: Pages of the log that the bandit's visitors are drawn from.
      days: Of the bandit.
      progress: Is told what is done: a word, done, of how many.

    Returns:
      `questions`, `items`, `new`, `tail` (how many there are), `curves` (see
      `curve.curves`) and, with a ground truth, `bandit` (see
      `bandit.simulate`).

    Raises:
      DataError: A split is missing, or the log has no impressions.
    """
    pages = read_pages(examples, settings.head)
    split = int(pages.timestamps[0])
    evidence = read_evidence(
        examples, items, settings.head, split, splits=("train",)
    )
    questions = read_questions(
        examples, settings.head, num_questions, settings.seed
    )
    folder = data_dir / "ground_truth"
    truth = PageTruth(GroundTruth(folder)) if folder.is_dir() else None
    asked = curve.ask(
        model,
        questions,
        evidence,
        settings,
        truth,
        progress=lambda done: progress("ask", done, len(questions)),
    )
    found = {
        "questions": len(questions),
        "items": len(evidence.item_ids),
        "new": int(evidence.new(settings.few_choices).sum()),
        "tail": int(evidence.tail(settings.few_choices).sum()),
        "curves": curve.curves(asked, settings, progress=progress),
    }
    if truth is not None:
        sample = np.zeros(len(pages), bool)
        sample[choose(len(pages), num_pages, settings.seed)] = True
        visited = pages.only(sample)
        newest = _newest(evidence, int(pages.timestamps[-1]))
        _, said = ask_pages(
            model,
            visited,
            settings.head,
            newest.tolist(),
            progress=lambda done: progress("new items", done, len(visited)),
        )
        found["bandit"] = play_days(
            visited, newest, said, truth, settings=settings, days=days
        )
    return found


def play_days(
    pages: LoggedPages,
    item_ids: NDArray[np.str_],
    said: NDArray[np.floating],
    truth: PageTruth,
    *,
    settings: ExplorationSettings,
    days: BanditSettings,
) -> dict:
    """Plays the bandit on the visitors of some pages.

    Args:
      pages: Who comes, and what they are after.
      item_ids: New items.
      said: [pages, items], what the ranking head says of them, NaN for what
        is not offered, which is left out.
      truth: Of the mall.
      settings: Where on the page is explored.
      days: How long.
    """
    offered = ~np.isnan(said).any(0)
    wanted = truth.wanted(pages.session_ids, pages.timestamps)
    chances = truth.chances(
        pages.user_ids,
        item_ids[offered].astype(object),
        pages.timestamps,
        wanted,
    )
    slots = explored_slots(settings.page, days.slots)
    looked = truth.examination_of(settings.page)[slots].mean()
    return {
        "items": int(offered.sum()),
        "pages": len(pages),
        "days": days.days,
        "visits": days.visits,
        **bandit.simulate(said[:, offered], looked * chances, days),
    }


def _newest(evidence, before):
    """Returns the ids of the items listed last before a time."""
    listed = np.where(evidence.listed_at <= before, evidence.listed_at, -1)
    newest = np.argsort(-listed, kind="stable")[:_NEWEST]
    return evidence.item_ids[np.sort(newest[listed[newest] > 0])]


def system_figures(found: dict, command: str) -> SystemFigures:
    """Returns what a run's report says of exploration.

    Args:
      found: Of `measured`.
      command: Which measures it again.
    """
    points = {
        way: next(p for p in found["curves"][way] if p["quota"] == quota)
        for way, quota in (
            ("thompson", _SHOWN_QUOTA),
            ("greedy", _SHOWN_QUOTA),
            ("random", _SHOWN_QUOTA),
            ("boost", 0.0),
        )
    }
    names = {
        OURS: "thompson",
        "greedy": "greedy",
        "random": "random",
        "no exploration": "boost",
    }
    part = f"quota {_SHOWN_QUOTA:.0%}"
    figures = [
        Figure(
            metric=metric,
            values={name: points[way][key] for name, way in names.items()},
            part=part,
            column="ndcg" if key == "ndcg" else "",
        )
        for metric, key in (
            ("NDCG of the page", "ndcg"),
            ("share of new items", "new"),
            ("share of tail items", "tail"),
            ("new and tail items shown at all", "coverage"),
            ("expected clicks a page", "clicks"),
        )
        if key in points["thompson"]
    ]
    if "bandit" in found:
        policies = found["bandit"]["policies"]
        figures.append(
            Figure(
                metric="regret, expected clicks",
                values={
                    OURS: policies["thompson"]["regret"][-1],
                    **{
                        name: policies[name]["regret"][-1]
                        for name in ("greedy", "random")
                    },
                    "no exploration": policies["head"]["regret"][-1],
                },
                part=f"{found['bandit']['days']} days of new items",
                lower_is_better=True,
            )
        )
    return SystemFigures(
        name="exploration",
        title="New items and long tail",
        chinese="新品与长尾",
        lead=f"{found['new']:,} new and {found['tail']:,} tail items of "
        f"{found['items']:,}: what they get of the page, and what of NDCG is "
        f"paid for it, on {found['questions']:,} held-out choices.",
        command=command,
        figures=tuple(figures),
    )
