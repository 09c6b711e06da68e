"""Plays the same markets in several ways, and says which is ahead."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from applications.ads.ad_table import AdTable
from applications.ads.play import play
from applications.ads.preparation import Prepared
from applications.ads.settings import AuctionSettings
from applications.figures import OURS, Figure, SystemFigures
from models.metrics.intervals import paired_difference


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """One way of playing.

    Attributes:
      changes: Of the auction's settings.
      calibrated: Whether the head's chances are made right.
    """

    changes: dict
    calibrated: bool = True


# An order that bids do not decide has no second price but the reserve's; it
# is played at the bid, the most that it can earn.
WAYS = {
    OURS: Way(changes={}),
    "by bid": Way(changes={"order": "bid"}),
    "by bid, first price": Way(changes={"order": "bid", "price": "first"}),
    "by CTR, first price": Way(changes={"order": "ctr", "price": "first"}),
    "random, first price": Way(changes={"order": "random", "price": "first"}),
    "ours, first price": Way(changes={"price": "first"}),
    "ours, not calibrated": Way(changes={}, calibrated=False),
    "ours, no pacing": Way(changes={"pacing": False}),
}
FIGURES = (
    *("revenue", "ctr", "value", "surplus", "clicks", "fill", "price"),
    *("expected_clicks", "max_overspend", "budget_used", "unevenness"),
)


def compare(
    prepared: Prepared,
    tables: Sequence[AdTable],
    settings: AuctionSettings,
    *,
    progress: Callable[[str, int, int], None],
) -> dict:
    """Plays every market in every way, with the same luck.

    Args:
      prepared: Of a run.
      tables: A table of ads for each market.
      settings: Ours; the others differ by what `WAYS` says.
      progress: Is told what is done.

    Returns:
      `ways`: of each its figures, means over markets but for `max_overspend`,
      which is the largest; `leads`: ours beyond each, mean and 95 % interval
      over markets, of revenue, CTR and value.
    """
    found: dict[str, dict[str, list[float]]] = {
        name: {figure: [] for figure in FIGURES} for name in WAYS
    }
    for number, ads in enumerate(tables):
        market = prepared.market(ads)
        plain = prepared.uncalibrated(market)
        luck = np.random.default_rng([number, 20_140_828]).random(
            (len(market), len(settings.positions))
        )
        for name, way in WAYS.items():
            rules = dataclasses.replace(settings, seed=number, **way.changes)
            played = play(
                market if way.calibrated else plain, rules, prepared.curve, luck
            )
            told = played.figures(prepared.curve)
            for figure in FIGURES:
                found[name][figure].append(told[figure])
        progress("play", number + 1, len(tables))
    return {
        "markets": len(tables),
        "ways": {
            name: {
                figure: float(
                    max(values)
                    if figure == "max_overspend"
                    else np.nanmean(values)
                )
                for figure, values in figures.items()
            }
            for name, figures in found.items()
        },
        "leads": {
            name: {
                figure: _lead(found[OURS][figure], found[name][figure])
                for figure in ("revenue", "ctr", "value")
            }
            for name in WAYS
            if name != OURS
        },
    }


def _lead(ours, theirs):
    ahead = paired_difference(
        np.array(ours), np.array(theirs), np.arange(len(ours))
    )
    return {"mean": ahead.mean, "interval": [ahead.low, ahead.high]}


def system_figures(
    prepared: Prepared, result: dict, shown: Sequence[str], command: str
) -> SystemFigures:
    """Returns what a run's report says of the auction.

    Args:
      prepared: What was played.
      result: Of `compare`.
      shown: Which of its ways.
      command: Which measures it again.
    """
    facts = prepared.facts
    figures = [
        Figure(
            metric=metric,
            values={name: result["ways"][name][column] for name in shown},
            part=part,
            lower_is_better=column == "max_overspend",
        )
        for metric, column, part in (
            ("revenue", "revenue", "CNY"),
            ("click-through rate", "ctr", "paid slots"),
            ("advertisers' value", "value", "CNY, by their bids"),
            ("largest overspend", "max_overspend", "share of a day's budget"),
        )
    ]
    figures.append(
        Figure(
            metric="calibration error",
            values={
                OURS: facts["after"]["calibration_error"],
                "not calibrated": facts["before"]["calibration_error"],
            },
            part="p(click) of impressions",
            lower_is_better=True,
        )
    )
    source = "the mall's ground truth" if prepared.truth else "the log"
    return SystemFigures(
        name="ads",
        title="Ads",
        chinese="广告竞价",
        lead=f"{result['markets']} markets of simulated advertisers on "
        f"{facts['pages']:,} pages; {source} decides what is clicked.",
        command=command,
        figures=tuple(figures),
    )
