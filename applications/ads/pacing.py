"""Spreads each budget over the day as the traffic is spread.

Probabilistic throttling as at LinkedIn (Agarwal, Ghosh, Wei, You 2014, "Budget
pacing for targeted online advertisements at LinkedIn", KDD): each ad enters an
auction with a chance, its pass rate, which rises by a share each tick in which
less was spent than the plan says, and falls by it otherwise. The plan is the
budget times the share of the day's traffic that has passed, as earlier days
had it. Bids stay as they are, so the auction stays a second-price one.
"""

import numpy as np
from numpy.typing import NDArray

from applications.ads.settings import AuctionSettings

DAY_SECONDS = 86_400
# Shops live by Chinese time; a timestamp is UTC.
LOCAL_OFFSET_SECONDS = 8 * 3600
_BIN_SECONDS = 900
# One showing more in each bin, so that no time of day is taken to be dead.
_SMOOTHING = 1.0
# A rate that fell further would take hours to come back.
LEAST_PASS_RATE = 0.05


def local_day(timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the local day (UTC+8) of Unix seconds, counted from 1970."""
    return (timestamps + LOCAL_OFFSET_SECONDS) // DAY_SECONDS


def second_of_day(timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the local second of the day, 0 to 86399."""
    return (timestamps + LOCAL_OFFSET_SECONDS) % DAY_SECONDS


class TrafficCurve:
    """Which share of a day's pages has passed by a time of the day."""

    def __init__(self, timestamps: NDArray[np.int64]):
        """Counts earlier pages by quarter of an hour.

        Args:
          timestamps: int64, Unix seconds of earlier pages; may be none, which
            stands for traffic that is even over the day.
        """
        bins = DAY_SECONDS // _BIN_SECONDS
        place = second_of_day(timestamps) // _BIN_SECONDS
        count = np.bincount(place, minlength=bins) + _SMOOTHING
        self._passed = np.append(0.0, np.cumsum(count) / count.sum())

    def passed(self, timestamps: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns the share that has passed, 0 to 1, linear within a bin.

        >>> curve = TrafficCurve(np.zeros(0, np.int64))
        >>> curve.passed(np.array([4 * 3600])).tolist()  # noon in Beijing
        [0.5]
        """
        at = second_of_day(timestamps) / _BIN_SECONDS
        return np.interp(at, np.arange(len(self._passed)), self._passed)


class Pacer:
    """The pass rates of all ads over a day."""

    def __init__(self, settings: AuctionSettings, curve: TrafficCurve):
        """Takes the plan.

        Args:
          settings: Where rates begin, and how fast they move.
          curve: Of the traffic.
        """
        self._settings, self._curve = settings, curve
        self._rates: NDArray[np.float64] = np.zeros(0)

    def begin_day(self, ads: int) -> None:
        """Sets all rates back, as budgets are full again."""
        start = self._settings.pass_rate_start if self._settings.pacing else 1.0
        self._rates = np.full(ads, start)

    def adjust(
        self,
        now: int,
        committed: NDArray[np.int64],
        budgets: NDArray[np.int64],
        ticks: int,
    ) -> NDArray[np.float64]:
        """Moves the rates and returns them, float64 [ads], above 0 to 1.

        Args:
          now: Unix seconds.
          committed: int64 [ads], fen spent today.
          budgets: int64 [ads], fen a day.
          ticks: Ticks since the last adjustment, at least 1: while nothing is
            shown nothing is spent, and a rate goes one way.
        """
        if not self._settings.pacing:
            return self._rates
        step = self._settings.pass_rate_step
        plan = budgets * self._curve.passed(np.array([now]))[0]
        factor = np.where(committed < plan, 1 + step, 1 - step)
        self._rates = np.clip(
            self._rates * factor ** float(ticks), LEAST_PASS_RATE, 1.0
        )
        return self._rates
