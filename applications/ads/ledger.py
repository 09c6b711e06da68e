"""Who has spent what, and who has seen which ad how often.

A showing sets its price aside until its click can no longer come; an ad whose
budget does not cover one more price is not shown. So no budget is overspent,
whatever is clicked, and in whichever order clicks come in.
"""

import collections
import dataclasses

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Showings:
    """Ads that were shown at one moment; arrays [showings].

    Attributes:
      ads: int64, rows of ads.
      users: int64, numbers of users.
      prices: int64, fen of a click.
      clicked: bool, what becomes of it.
    """

    ads: NDArray[np.int64]
    users: NDArray[np.int64]
    prices: NDArray[np.int64]
    clicked: NDArray[np.bool_]


class Ledger:
    """The books of one day."""

    def __init__(
        self,
        budgets: NDArray[np.int64],
        caps: NDArray[np.int64],
        num_users: int,
    ):
        """Opens the books.

        Args:
          budgets: int64 [ads], fen.
          caps: int64 [ads], showings to one user.
          num_users: Users of the day; a counter is kept for each and each ad.
        """
        self._budgets, self._caps = budgets, caps
        self._seen = np.zeros((num_users, len(budgets)), np.int32)
        self._open: collections.deque[tuple[int, Showings]] = (
            collections.deque()
        )
        self.spent = np.zeros(len(budgets), np.int64)
        self.reserved = np.zeros(len(budgets), np.int64)
        self.showings = np.zeros(len(budgets), np.int64)
        self.clicks = np.zeros(len(budgets), np.int64)

    @property
    def left(self) -> NDArray[np.int64]:
        """Fen of each budget that are neither spent nor set aside."""
        return self._budgets - self.spent - self.reserved

    def below_cap(self, users: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Returns bool [users, ads], which may be shown once more."""
        return self._seen[users] < self._caps

    def refused(
        self,
        ads: NDArray[np.int64],
        users: NDArray[np.int64],
        prices: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Marks showings of one moment that do not all fit together.

        Args:
          ads: int64 [showings], in the order in which they come.
          users: int64 [showings].
          prices: int64 [showings], fen of a click.

        Returns:
          bool [showings]: those that come when the ad's budget is used up by
          the ones before, or when the user has seen the ad often enough.
        """
        over_budget = _running(ads, prices) > self.left[ads]
        pair = users * len(self._budgets) + ads
        seen = self._seen[users, ads] + _running(pair, np.ones_like(ads))
        return over_budget | (seen > self._caps[ads])

    def show(self, shown: Showings, settle_at: int) -> None:
        """Enters showings, and sets their prices aside.

        Args:
          shown: None of which `refused` marks.
          settle_at: When clicks can no longer come, Unix seconds; not before
            that of an earlier call.
        """
        np.add.at(self._seen, (shown.users, shown.ads), 1)
        np.add.at(self.showings, shown.ads, 1)
        np.add.at(self.reserved, shown.ads, shown.prices)
        self._open.append((settle_at, shown))

    def settle(self, now: int) -> None:
        """Books what was clicked and frees the rest, up to a time."""
        while self._open and self._open[0][0] <= now:
            _, shown = self._open.popleft()
            np.subtract.at(self.reserved, shown.ads, shown.prices)
            paid = shown.clicked
            np.add.at(self.spent, shown.ads[paid], shown.prices[paid])
            np.add.at(self.clicks, shown.ads[paid], 1)

    def close(self) -> None:
        """Books all that is open."""
        self.settle(np.iinfo(np.int64).max)


def _running(keys, values):
    """Returns running sums of values within equal keys, in their order."""
    if not len(keys):
        return np.zeros(0, np.int64)
    order = np.argsort(keys, kind="stable")
    total = np.cumsum(values[order])
    _, first, row = np.unique(
        keys[order], return_index=True, return_inverse=True
    )
    before = np.append(0, total)[first]
    sums = np.empty(len(keys), np.int64)
    sums[order] = total - before[row]
    return sums
