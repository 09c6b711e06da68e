"""Sums runs up: means over seeds, intervals, differences; as a table."""

import dataclasses
import typing

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.published import OF_DATASET
from benchmarks.quality.runs import Outcome
from benchmarks.quality.sequences import Sequences
from models.metrics import intervals, retrieval

# Figures with intervals, and compared user by user.
SURE = ("hr@10", "ndcg@10", "mrr")
_COLUMNS = (
    ("HR@5", "hr@5"),
    ("HR@10", "hr@10"),
    ("HR@20", "hr@20"),
    ("NDCG@10", "ndcg@10"),
    ("MRR", "mrr"),
    ("NDCG@10 by item", "ndcg@10_by_item"),
    ("coverage@10", "coverage@10"),
)


def summary(
    data: Sequences, dataset: str, outcomes: list[Outcome]
) -> dict[str, typing.Any]:
    """Returns what the JSON holds.

    Returns:
      `data`; `models`: by name, the figures of the split `test` as means over
      seeds, beside `intervals` (95 %, users drawn, each user's mean over the
      seeds), `by_seed`, `slices`, `validation`, `seconds` and what the model
      says `about` itself; `failed`: name → why; `differences`: Daogou's
      models, or else the best, less each other one on the same users; and
      `published`: of papers, not run here.
    """
    ran = [outcome for outcome in outcomes if outcome.runs]
    of_users = {outcome.contender.name: _of_users(outcome) for outcome in ran}
    return {
        "dataset": dataset,
        "data": data.summary(),
        "models": {
            outcome.contender.name: _model(
                outcome, of_users[outcome.contender.name]
            )
            for outcome in ran
        },
        "failed": {
            outcome.contender.name: outcome.failed
            for outcome in outcomes
            if outcome.failed
        },
        "differences": _differences(ran, of_users),
        "published": {
            "note": "from papers, not run here",
            "figures": [
                {
                    "model": figure.model,
                    "hr@10": figure.hr,
                    "ndcg@10": figure.ndcg,
                    "source": figure.source,
                }
                for figure in OF_DATASET.get(dataset, ())
            ],
        },
    }


def table(result: dict[str, typing.Any]) -> str:
    """Returns the figures in Markdown, best NDCG@10 first.

    Args:
      result: Of `summary`.
    """
    models = sorted(
        result["models"].values(), key=lambda found: -found["ndcg@10"]
    )
    rows = [
        [
            "model",
            *(title for title, _ in _COLUMNS),
            "long-tail HR@10",
            "seeds",
            "minutes",
        ]
    ]
    for found in models:
        tail = found["slices"].get("long_tail", {}).get("hr@10")
        rows.append(
            [
                found["title"],
                *(_cell(found, figure) for _, figure in _COLUMNS),
                "–" if tail is None else f"{tail:.4f}",
                str(len(found["seeds"])),
                f"{np.mean(found['seconds']) / 60:.1f}",
            ]
        )
    data = result["data"]
    parts = [
        f"{result['dataset']}: {data['users_asked']} users asked "
        f"({data['users_trained_on_only']} with too few items are trained on "
        f"only), {data['items']} items; ± half of the 95 % interval",
        _markdown(rows),
    ]
    parts += [
        f"{name} failed: {reason}" for name, reason in result["failed"].items()
    ]
    for first, others in result["differences"].items():
        rows = [[f"{first} less", "HR@10", "p", "NDCG@10", "p"]]
        for second, gaps in others.items():
            rows.append([second])
            for figure in ("hr@10", "ndcg@10"):
                gap = gaps[figure]
                rows[-1] += [
                    f"{gap['mean']:+.4f} ({gap['low']:+.4f} to "
                    f"{gap['high']:+.4f})",
                    f"{gap['p']:.3f}",
                ]
        if others:
            parts.append(_markdown(rows))
    if published := result["published"]["figures"]:
        rows = [["published, not run here", "HR@10", "NDCG@10", "source"]]
        rows += [
            [
                figure["model"],
                f"{figure['hr@10']:.4f}",
                f"{figure['ndcg@10']:.4f}",
                figure["source"],
            ]
            for figure in published
        ]
        parts.append(_markdown(rows))
    return "\n\n".join(parts)


def _of_users(outcome: Outcome) -> dict[str, NDArray[np.float64]]:
    """Each user's figures, as means over the seeds."""
    of_seeds = [
        retrieval.query_figures(run.ranks) for run in outcome.runs.values()
    ]
    return {
        name: np.mean([figures[name] for figures in of_seeds], axis=0)
        for name in SURE
    }


def _model(
    outcome: Outcome, of_users: dict[str, NDArray[np.float64]]
) -> dict[str, typing.Any]:
    runs = list(outcome.runs.values())
    of_test = [run.result["figures"]["test"] for run in runs]
    plain = [name for name in of_test[0] if name != "slices"]
    return {
        "title": outcome.contender.title,
        **{name: _mean(figures[name] for figures in of_test) for name in plain},
        "intervals": {
            name: list(
                intervals.interval(
                    intervals.bootstrap_means(values, np.arange(len(values)))
                )
            )
            for name, values in of_users.items()
        },
        "slices": {
            name: {
                figure: _mean(
                    figures["slices"][name][figure] for figures in of_test
                )
                for figure in found
            }
            for name, found in of_test[0]["slices"].items()
        },
        "seeds": list(outcome.runs),
        "by_seed": {
            name: [figures[name] for figures in of_test] for name in plain
        },
        "validation": {
            name: _mean(
                run.result["figures"]["validation"][name] for run in runs
            )
            for name in SURE
        },
        "seconds": [run.result["seconds"] for run in runs],
        "settings": runs[0].result["settings"],
        "about": [run.result["about"] for run in runs],
    }


def _differences(
    ran: list[Outcome], of_users: dict[str, dict[str, NDArray[np.float64]]]
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    if not ran:
        return {}
    first = [
        outcome.contender.name for outcome in ran if outcome.contender.ours
    ]
    first = first or [
        max(of_users, key=lambda name: of_users[name]["ndcg@10"].mean())
    ]
    return {
        one: {
            other: {
                name: dataclasses.asdict(
                    intervals.paired_difference(
                        of_users[one][name],
                        of_users[other][name],
                        np.arange(len(of_users[one][name])),
                    )
                )
                for name in SURE
            }
            for other in of_users
            if other != one
        }
        for one in first
    }


def _mean(values: typing.Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _cell(found: dict[str, typing.Any], figure: str) -> str:
    if figure not in found["intervals"]:
        return f"{found[figure]:.4f}"
    low, high = found["intervals"][figure]
    return f"{found[figure]:.4f} ± {(high - low) / 2:.4f}"


def _markdown(rows: list[list[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|---" * len(rows[0]) + "|", *body])
