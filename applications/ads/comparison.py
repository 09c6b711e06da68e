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


# What each order is called; ours is by eCPM.
_ORDERS = {"ecpm": OURS, "bid": "by bid", "ctr": "by CTR", "random": "random"}
FIRST_PRICE = ", at the bid"
# Of an order that bids do not decide, any bid keeps the slot, so its second
# price is the reserve price; at the bid is the most that an order can earn as
# long as advertisers bid as they would at the second price.
WAYS = {
    **{
        f"{name}{told}": Way(changes={"order": order, "price": price})
        for price, told in (("second", ""), ("first", FIRST_PRICE))
        for order, name in _ORDERS.items()
    },
    "not calibrated": Way(changes={}, calibrated=False),
    "no pacing": Way(changes={"pacing": False}),
}
FIGURES = (
    *("revenue", "ctr", "value", "surplus", "clicks", "fill", "price"),
    *("expected_clicks", "max_overspend", "budget_used"),
    *("limited", "unevenness"),
)


def compare(
    prepared: Prepared,
    tables: Sequence[AdTable],
    settings: AuctionSettings,
    *,
    crowd: int,
    progress: Callable[[str, int, int], None],
) -> dict:
    """Plays every market in every way, with the same luck.

    Args:
      prepared: Of a run.
      tables: A table of ads for each market.
      settings: Ours; the others differ by what `WAYS` says.
      crowd: How many shoppers each page stands for.
      progress: Is told what is done.

    Returns:
      `ways`: of each its figures, means over markets but for `max_overspend`,
      which is the largest; `leads`: ours beyond each, at the same kind of
      price, mean and 95 % interval over markets, of revenue, CTR and value.
    """
    found: dict[str, dict[str, list]] = {
        name: {figure: [] for figure in FIGURES} for name in WAYS
    }
    for number, ads in enumerate(tables):
        market = prepared.market(ads, crowd)
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
        "crowd": crowd,
        "ways": {
            name: {
                figure: _summed_up(figure, values)
                for figure, values in figures.items()
            }
            for name, figures in found.items()
        },
        "leads": {
            name: {
                figure: _lead(found[_rival(name)][figure], found[name][figure])
                for figure in ("revenue", "ctr", "value")
            }
            for name in WAYS
            if name != _rival(name)
        },
    }


def _rival(name):
    """Returns ours at the same kind of price."""
    return f"{OURS}{FIRST_PRICE}" if name.endswith(FIRST_PRICE) else OURS


def _summed_up(figure, values):
    """Returns the mean of the markets that have the figure, or the worst."""
    if figure == "max_overspend":
        return float(max(values))
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _lead(ours, theirs):
    ahead = paired_difference(
        np.array(ours), np.array(theirs), np.arange(len(ours))
    )
    return {"mean": ahead.mean, "interval": [ahead.low, ahead.high]}


def system_figures(
    prepared: Prepared, result: dict, command: str
) -> SystemFigures:
    """Returns what a run's report says of the auction.

    Args:
      prepared: What was played.
      result: Of `compare`.
      command: Which measures it again.
    """
    facts = prepared.facts
    figures = [
        Figure(
            metric=metric,
            values={
                name: result["ways"][f"{name}{price}"][column]
                for name in _ORDERS.values()
            },
            part=part,
            lower_is_better=column == "max_overspend",
        )
        for metric, column, price, part in (
            ("revenue, CNY", "revenue", "", "second price"),
            ("revenue, CNY", "revenue", FIRST_PRICE, "at the bid"),
            ("click-through rate", "ctr", "", "second price"),
            ("value of the clicks, CNY", "value", "", "by advertisers' bids"),
            ("largest overspend", "max_overspend", "", "share of a budget"),
        )
    ]
    figures.append(
        Figure(
            metric="calibration error",
            values={
                OURS: facts["after"]["calibration_error"],
                "not calibrated": facts["before"]["calibration_error"],
            },
            part="p(click) of ads",
            lower_is_better=True,
        )
    )
    source = "the mall's ground truth" if prepared.truth else "the log"
    return SystemFigures(
        name="ads",
        title="Ads",
        chinese="广告竞价",
        lead=f"{result['markets']} markets of simulated advertisers on "
        f"{facts['pages']:,} pages, each opened by {result['crowd']} shoppers; "
        f"{source} decides what is clicked.",
        command=command,
        figures=tuple(figures),
    )
