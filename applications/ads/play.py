"""Plays the auctions of a market in the order of time."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.ads import auction
from applications.ads.ad_table import FEN
from applications.ads.ledger import Ledger, Showings
from applications.ads.market import Market
from applications.ads.pacing import Pacer, TrafficCurve
from applications.ads.settings import AuctionSettings

# An ad that spent this share of a budget was limited by it.
_LIMITED = 0.8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Played:
    """What came of it; arrays [showings] in the order of time.

    Attributes:
      market: What was played.
      pages, slots, ads: int64, where and which.
      prices: int64, fen that a click costs.
      clicked: bool.
      days: int64 [days], local days that were played.
      spent: int64 [days, ads], fen that the books charge.
      clicks: int64 [days, ads], clicks that the books hold.
    """

    market: Market
    pages: NDArray[np.int64]
    slots: NDArray[np.int64]
    ads: NDArray[np.int64]
    prices: NDArray[np.int64]
    clicked: NDArray[np.bool_]
    days: NDArray[np.int64]
    spent: NDArray[np.int64]
    clicks: NDArray[np.int64]

    def figures(self, curve: TrafficCurve) -> dict[str, float | None]:
        """Sums up.

        Args:
          curve: Of the traffic, for how evenly budgets were spent.

        Returns:
          `revenue` (CNY), `ctr`, `value` (CNY that the clicks are worth to
          the advertisers, by their bids), `surplus` (what of it they keep),
          `clicks`, `showings`, `fill` (share of slots), `price` (CNY a
          click), `expected_clicks` (by the chances it was played with),
          `max_overspend` (largest share by which a day's budget is passed; at
          most 0 if none is), `budget_used` (share of all budgets), `limited`
          (share of the budgets that are used by four fifths or more) and
          `unevenness` (mean of the largest gap between an ad's spending and
          the day's traffic, as shares, over those; None without any).
        """
        ads = self.market.ads
        paid = self.clicked
        revenue = self.prices[paid].sum() / FEN
        value = ads.bids[self.ads[paid]].sum() / FEN
        clicks, showings = int(paid.sum()), len(paid)
        chances = self.market.chances[self.pages, self.ads]
        factor = self.market.slot_factors[self.slots]
        budgets = np.broadcast_to(ads.budgets, self.spent.shape)
        return {
            "revenue": float(revenue),
            "ctr": clicks / max(showings, 1),
            "value": float(value),
            "surplus": float(value - revenue),
            "clicks": float(clicks),
            "showings": float(showings),
            "fill": showings
            / max(len(self.market) * len(self.market.slot_truth), 1),
            "price": float(revenue / max(clicks, 1)),
            "expected_clicks": float(np.minimum(chances * factor, 1).sum()),
            "max_overspend": float((self.spent / budgets - 1).max(initial=-1)),
            "budget_used": float(self.spent.sum() / max(budgets.sum(), 1)),
            "limited": float((self.spent >= _LIMITED * budgets).mean()),
            "unevenness": self._unevenness(curve),
        }

    def _unevenness(self, curve):
        ads = self.market.ads
        when = self.market.timestamps[self.pages[self.clicked]]
        day = np.searchsorted(
            self.days, self.market.days[self.pages[self.clicked]]
        )
        passed = curve.passed(when)
        cell = day * len(ads) + self.ads[self.clicked]
        limited = self.spent >= _LIMITED * ads.budgets
        gaps = []
        for one in np.flatnonzero(limited.ravel()):
            at = np.sort(passed[cell == one])
            steps = np.arange(len(at) + 1) / max(len(at), 1)
            gaps.append(
                max(
                    np.abs(at - steps[1:]).max(initial=0),
                    np.abs(at - steps[:-1]).max(initial=0),
                )
            )
        return float(np.mean(gaps)) if gaps else None


def play(
    market: Market,
    settings: AuctionSettings,
    curve: TrafficCurve,
    luck: NDArray[np.float64],
) -> Played:
    """Plays all days.

    What an auction reads was known before its page was opened: chances, what
    has been booked, and a plan by the traffic of earlier days.

    Args:
      market: Pages and ads.
      settings: Of the auction; as many slots as the market has.
      curve: Traffic of earlier days.
      luck: float64 [pages, slots], drawn from 0 to 1: below the chance a
        click. Two ways of playing are compared with the same luck.

    Raises:
      ValueError: The slots of market and settings differ in number.
    """
    slots = len(settings.positions)
    if slots != len(market.slot_truth) or luck.shape != (len(market), slots):
        raise ValueError(
            f"{slots} positions, {len(market.slot_truth)} slots of the market "
            f"and luck {luck.shape} do not go together"
        )
    player = _Player(market, settings, curve, luck)
    days = np.unique(market.days)
    shown: list[tuple] = []
    spent, clicks = [], []
    for day in days:
        ledger, found = player.play_day(day)
        shown += found
        spent.append(ledger.spent)
        clicks.append(ledger.clicks)
    columns = zip(*shown, strict=True) if shown else [()] * 5
    none = np.zeros(0, np.int64)
    pages, place, ads, prices, clicked = (
        np.concatenate([none, *parts]) for parts in columns
    )
    return Played(
        market=market,
        pages=pages,
        slots=place,
        ads=ads,
        prices=prices,
        clicked=clicked.astype(bool),
        days=days,
        spent=np.stack(spent),
        clicks=np.stack(clicks),
    )


class _Player:
    """Plays one day after the other."""

    def __init__(self, market, settings, curve, luck):
        self._market, self._settings, self._luck = market, settings, luck
        self._rng = np.random.default_rng([settings.seed, 20_140_827])
        self._pacer = Pacer(settings, curve)
        known = ~np.isnan(market.chances)
        weight = auction.weights(
            settings, np.where(known, market.chances, 0), market.ads.quality
        )
        self._weight = np.where(known, weight, 0.0)

    def play_day(self, day):
        """Returns the closed books of a day, and its showings by tick."""
        market, settings = self._market, self._settings
        ads = market.ads
        rows = np.flatnonzero(market.days == day)
        _, users = np.unique(market.users[rows], return_inverse=True)
        ledger = Ledger(ads.budgets, ads.caps, int(users.max()) + 1)
        self._pacer.begin_day(len(ads))
        ticks = market.timestamps[rows] // settings.tick_seconds
        begins = np.flatnonzero(np.diff(ticks, prepend=-1))
        before = ticks[0] - 1
        shown = []
        for first, last in zip(begins, [*begins[1:], len(rows)], strict=True):
            now = int(ticks[first] * settings.tick_seconds)
            ledger.settle(now)
            rates = self._pacer.adjust(
                now, ledger.spent, ads.budgets, int(ticks[first] - before)
            )
            before = ticks[first]
            pages, who = rows[first:last], users[first:last]
            outcome = self._auctions(pages, who, rates, ledger)
            page, slot = np.nonzero(outcome.ads >= 0)
            winners = outcome.ads[page, slot]
            prices = outcome.prices[page, slot]
            chance = market.truth[pages[page], winners]
            clicked = (
                self._luck[pages[page], slot] < chance * market.slot_truth[slot]
            )
            ledger.show(
                Showings(winners, who[page], prices, clicked),
                now + settings.tick_seconds + settings.click_window_seconds,
            )
            shown.append((pages[page], slot, winners, prices, clicked))
        ledger.close()
        return ledger, shown

    def _auctions(self, pages, users, rates, ledger):
        """Holds the auctions of a tick until budgets and caps hold for all.

        Auctions of one tick do not know of each other. Where what they show
        does not fit together, the later showings are taken back and those
        auctions held again without the ad.
        """
        bids = self._market.ads.bids
        enters = self._market.allowed[pages] & ledger.below_cap(users)
        enters &= self._rng.random(enters.shape) < rates
        enters &= bids <= ledger.left
        ties = self._rng.random(enters.shape)
        while True:
            outcome = auction.hold(
                self._settings, bids, self._weight[pages], enters, ties
            )
            page, slot = np.nonzero(outcome.ads >= 0)
            winners = outcome.ads[page, slot]
            refused = ledger.refused(
                winners, users[page], outcome.prices[page, slot]
            )
            if not refused.any():
                return outcome
            enters[page[refused], winners[refused]] = False
