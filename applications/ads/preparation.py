"""What a run knows that its auctions are played on.

All that an auction reads is from before the pages it is held on: the head was
trained on what came before the split, it is calibrated on ads shown between
the split and the first day that is played, and the plan of the traffic is that
of the days before.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from applications.ads import calibration, pilot, targeting
from applications.ads.ad_table import AdTable
from applications.ads.calibration import Calibration
from applications.ads.market import Market
from applications.ads.pacing import (
    DAY_SECONDS,
    TrafficCurve,
    local_day,
    second_of_day,
)
from applications.ads.pilot import Impressions
from applications.chances import ask_pages
from applications.logged_pages import LoggedPages
from applications.shop_items import read_items
from components.retrieval_evaluator.requests import choose
from datasets.mall.ground_truth import GroundTruth
from datasets.mall.page_truth import PageTruth
from models.metrics.ranking import calibration_error, log_loss
from schema.errors import DataError
from serving.in_process import Recommender

# What was clicked of a page's items, as the funnel's first head has it.
HEAD = "click"
# Pages on which ads are shown to calibrate, and how often each.
_PILOT_PAGES = 500
_PILOT_VISITS = 40
# Share of the pages of the busiest day that makes a day.
_LEAST_OF_A_DAY = 0.05
_CROWD_SECONDS = 7200

Progress = Callable[[str, int, int], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """Pages that are played, and what is known of them.

    Attributes:
      pages: In the order of time.
      items: As `shop_items.read_items` returns.
      item_ids: Items whose chances were asked, text.
      said: float32 [pages, items], what the head says, NaN for no offer.
      calibration: Fitted on earlier pages.
      factors: float64 [slots], see `calibration.slot_factors`.
      positions: Slots that are paid.
      curve: Of earlier days' traffic.
      truth: Of a simulated mall; None where clicks are those of the log.
      facts: What was measured on the way.
    """

    pages: LoggedPages
    items: pa.Table
    item_ids: tuple[str, ...]
    said: NDArray[np.float32]
    calibration: Calibration
    factors: NDArray[np.float64]
    positions: tuple[int, ...]
    curve: TrafficCurve
    truth: PageTruth | None
    facts: dict

    def market(self, ads: AdTable, crowd: int = 1) -> Market:
        """Returns the market of some ads.

        Args:
          ads: All for items of `item_ids`.
          crowd: How many shoppers each page stands for: all have its request,
            and open it within two hours of it.

        Raises:
          DataError: There is a crowd, and clicks are those of the log.
        """
        if self.truth is None and crowd > 1:
            raise DataError(
                f"crowd is {crowd}; allowed: 1 where there is no ground truth"
            )
        pages = self.pages
        rows, when = _crowd(pages.timestamps, crowd)
        said = self._said(ads)[rows]
        allowed = targeting.allowed(
            ads, [pages.requests[row] for row in rows], when, self.items
        ) & ~np.isnan(said)
        slots = np.ones(len(self.positions))
        if self.truth is None:
            truth, shown = self._logged(ads)
            allowed &= shown
        else:
            wanted = self.truth.wanted(pages.session_ids, pages.timestamps)
            truth = self.truth.chances(
                pages.user_ids, ads.item_ids, pages.timestamps, wanted
            )
            slots = self.truth.examination[list(self.positions)]
        _, users = np.unique(pages.user_ids.astype(str), return_inverse=True)
        return Market(
            ads=ads,
            timestamps=when,
            users=users[rows] * crowd + _ranks(rows),
            chances=self.calibration(said),
            truth=truth[rows],
            allowed=allowed,
            slot_factors=self.factors,
            slot_truth=slots,
            rows=rows,
        )

    def uncalibrated(self, market: Market) -> Market:
        """Returns a market of this with the chances as the head says them."""
        return market.with_chances(self._said(market.ads)[market.rows])

    def _said(self, ads):
        place = {item: column for column, item in enumerate(self.item_ids)}
        return self.said[:, [place[item] for item in ads.item_ids]]

    def _logged(self, ads):
        """Returns what was clicked, and shown, of the ads on each page."""
        order = np.argsort(ads.item_ids.astype(str))
        known = ads.item_ids.astype(str)[order]
        asked = self.pages.item_ids.astype(str)
        at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        here = known[at] == asked
        shown = np.zeros((len(self.pages), len(ads)), bool)
        clicked = np.zeros(shown.shape)
        page, ad = self.pages.page[here], order[at[here]]
        shown[page, ad] = True
        np.maximum.at(clicked, (page, ad), self.pages.clicked[here])
        return clicked, shown


def _last_days(day, count):
    """Returns the latest days, but for the late sessions of the day before.

    They run past its midnight, and a log ends with them as a rule.
    """
    days, pages = np.unique(day, return_counts=True)
    return days[pages >= _LEAST_OF_A_DAY * pages.max()][-count:]


def _crowd(timestamps, crowd):
    """Returns the page of each visit and its time, in the order of time."""
    rows = np.repeat(np.arange(len(timestamps)), crowd)
    if crowd == 1:
        return rows, timestamps
    rng = np.random.default_rng([crowd, 20_140_830])
    when = timestamps[rows]
    midnight = when - second_of_day(when)
    when = when + rng.integers(-_CROWD_SECONDS, _CROWD_SECONDS + 1, len(rows))
    # Visits stay on their day, of which the truth is.
    when = np.clip(when, midnight, midnight + DAY_SECONDS - 1)
    order = np.argsort(when, kind="stable")
    return rows[order], when[order]


def _ranks(keys):
    """Returns how many equal keys came before each."""
    order = np.argsort(keys, kind="stable")
    _, first, number = np.unique(
        keys[order], return_index=True, return_inverse=True
    )
    ranks = np.empty(len(keys), np.int64)
    ranks[order] = np.arange(len(keys)) - first[number]
    return ranks


def prepare(
    model: Recommender,
    pages: LoggedPages,
    data_dir: pathlib.Path,
    item_ids: Sequence[str],
    positions: tuple[int, ...],
    *,
    days: int,
    progress: Progress,
) -> Prepared:
    """Asks a run's servable about the last days of the log, and calibrates.

    Args:
      model: The servable that the run pushed.
      pages: All of the run's pages after its split.
      data_dir: The run's tables, and the ground truth of a simulated mall.
      item_ids: Which items may be advertised, text, each once.
      positions: Slots that are paid.
      days: How many local days, the latest, are played; at least 1.
      progress: Is told what is done: a word, done, of how many.

    Raises:
      DataError: No page is left to calibrate on, or a table is missing.
    """
    day = local_day(pages.timestamps)
    played = np.isin(day, _last_days(day, days))
    earlier = pages.only(day < day[played].min())
    last = pages.only(played)
    if not len(earlier):
        raise DataError(
            f"the pages after the split lie in {len(np.unique(day))} days, "
            f"and {days} are to be played; none is left to calibrate on"
        )
    truth = read_truth(data_dir)
    seen = impressions_before(
        model, earlier, item_ids, positions, truth, progress=progress
    )
    fitted = calibration.fit(seen.said, seen.clicked)
    factors = calibration.slot_factors(
        fitted(seen.said), seen.clicked, seen.positions, positions
    )
    own, of_ads = ask_pages(
        model,
        last,
        HEAD,
        item_ids,
        progress=lambda done: progress("ask about ads", done, len(last)),
    )
    measured = (
        pilot.of_log(last, own)
        if truth is None
        else pilot.pilot_on(
            last,
            np.array(item_ids, object),
            of_ads,
            truth,
            positions=positions,
            visits=_PILOT_VISITS,
            seed=1,
        )
    )
    return Prepared(
        pages=last,
        items=read_items(data_dir),
        item_ids=tuple(item_ids),
        said=of_ads,
        calibration=fitted,
        factors=factors,
        positions=positions,
        curve=TrafficCurve(
            read_traffic(data_dir, before=int(last.timestamps[0]))
        ),
        truth=truth,
        facts={
            "calibrated_on": len(seen.said),
            "pages": len(last),
            "calibration": fitted.kind,
            "slot_factors": [round(float(f), 3) for f in factors],
            **calibration_figures(fitted, measured.said, measured.clicked),
        },
    )


def read_truth(data_dir: pathlib.Path) -> PageTruth | None:
    """Returns the truth of a simulated mall, None for any other data."""
    folder = data_dir / "ground_truth"
    return PageTruth(GroundTruth(folder)) if folder.is_dir() else None


def impressions_before(
    model: Recommender,
    pages: LoggedPages,
    item_ids: Sequence[str],
    positions: tuple[int, ...],
    truth: PageTruth | None,
    *,
    progress: Progress,
) -> Impressions:
    """Returns impressions to calibrate on, see `pilot`.

    Args:
      model: The servable.
      pages: All from before the auctions that chances are wanted for.
      item_ids: What may be advertised.
      positions: Slots that are paid.
      truth: Of a simulated mall.
      progress: Is told what is done.
    """
    if truth is None:
        said, _ = ask_pages(
            model,
            pages,
            HEAD,
            progress=lambda done: progress("calibrate", done, len(pages)),
        )
        return pilot.of_log(pages, said)
    sample = np.zeros(len(pages), bool)
    sample[choose(len(pages), _PILOT_PAGES, seed=0)] = True
    some = pages.only(sample)
    _, said = ask_pages(
        model,
        some,
        HEAD,
        item_ids,
        progress=lambda done: progress("pilot", done, len(some)),
    )
    return pilot.pilot_on(
        some,
        np.array(item_ids, object),
        said,
        truth,
        positions=positions,
        visits=_PILOT_VISITS,
        seed=0,
    )


def calibration_figures(
    fitted: Calibration,
    said: NDArray[np.floating],
    clicked: NDArray[np.bool_],
) -> dict[str, dict[str, float]]:
    """Returns calibration error and log loss, `before` and `after`.

    Args:
      fitted: On other impressions than these.
      said: [impressions], what the head says, NaN where it was not asked.
      clicked: bool [impressions].
    """
    known = ~np.isnan(said)
    clicked = clicked[known]
    return {
        when: {
            "calibration_error": calibration_error(clicked, chances),
            "log_loss": log_loss(clicked, chances),
            "expected_clicks": float(chances.sum()),
            "clicks": float(clicked.sum()),
        }
        for when, chances in (
            ("before", np.asarray(said[known], np.float64)),
            ("after", fitted(said[known])),
        )
    }


def read_traffic(data_dir: pathlib.Path, *, before: int) -> NDArray[np.int64]:
    """Reads when impressions were, int64 Unix seconds, up to a time.

    Raises:
      DataError: There is no table of events.
    """
    try:
        table = ds.dataset(data_dir / "events", format="parquet").to_table(
            columns=["timestamp"],
            filter=(ds.field("event_type") == "impression")
            & (ds.field("timestamp") < before)
            & (ds.field("timestamp") > 0),
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{data_dir}/events cannot be read: {error}") from error
    return table["timestamp"].to_numpy()
