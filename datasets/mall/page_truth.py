"""The truth about pages: how likely is a click on any item, on any page.

What the page was after comes from the file of intents, the rest from a replay
of the mall. Left out is what no file tells: which brand and attribute were
wanted, what the shopper owns already and what has run out; so a chance is a
little too low where they match, and too high where the item is at home.
"""

import numpy as np
import pyarrow.dataset as ds
from numpy.typing import NDArray

from datasets.mall.exposure import Shelf
from datasets.mall.ground_truth import GroundTruth
from datasets.mall.relevance import (
    Intent,
    discount_logit,
    examination,
    intent_logit,
    sigmoid,
)
from schema.errors import DataError

# Above any time, in seconds.
_LATEST = 2**40


class PageTruth:
    """Chances of clicks in one mall."""

    def __init__(self, truth: GroundTruth):
        """Reads the intents.

        Args:
          truth: Of the mall.
        """
        self._truth = truth
        table = ds.dataset(truth.folder / "intents").to_table()
        leaves = {
            leaf.category: number
            for number, leaf in enumerate(truth.world.catalogue.leaves)
        }
        sessions = table["session_id"].to_numpy(zero_copy_only=False)
        self._sessions, session = np.unique(
            sessions.astype(str), return_inverse=True
        )
        times = table["timestamp"].to_numpy()
        order = np.lexsort((times, session))
        self._keys = _key(session[order], times[order])
        leaf = [leaves[name] for name in table["category"].to_pylist()]
        self._leaf = np.array(leaf, np.int64)[order]

    def examination_of(self, slots: int) -> NDArray[np.float64]:
        """Returns the same for a page of another size, float64 [slots]."""
        decay = self._truth.settings.position_decay
        return np.power(1.0 + np.arange(slots), -decay, dtype=np.float64)

    @property
    def examination(self) -> NDArray[np.float64]:
        """Chance that each slot of a page is looked at, float64 [slots]."""
        return examination(self._truth.settings)

    def wanted(
        self, session_ids: NDArray, timestamps: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Returns what sessions were after at some time.

        Args:
          session_ids: Text [n].
          timestamps: int64 [n], Unix seconds.

        Returns:
          int64 [n], the leaf of the session's latest page that was opened at
          the time or before; -1 where there is none.
        """
        asked = session_ids.astype(str)
        session = np.searchsorted(self._sessions, asked)
        session = np.minimum(session, len(self._sessions) - 1)
        at = np.searchsorted(
            self._keys, _key(session, timestamps), side="right"
        )
        found = np.maximum(at - 1, 0)
        known = (at > 0) & (self._sessions[session] == asked)
        known &= self._keys[found] >= _key(session, 0)
        return np.where(known, self._leaf[found], -1)

    def rows(self, kind: str, ids: NDArray) -> NDArray[np.int64]:
        """Returns rows of `user` or `item` ids.

        Raises:
          DataError: One is not of this mall.
        """
        known = getattr(self._truth, f"{kind}_row")
        if unknown := sorted({*ids.tolist()} - {*known}):
            raise DataError(
                f"{kind}_id {unknown[0]!r} is not in the mall of "
                f"{self._truth.folder}, and {len(unknown) - 1} more are not; "
                "are ids pseudonyms in this run?"
            )
        return np.array([known[one] for one in ids], np.int64)

    def chances(
        self,
        user_ids: NDArray,
        item_ids: NDArray,
        timestamps: NDArray[np.int64],
        wanted: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Returns how likely each item is clicked where it is looked at.

        Args:
          user_ids: Text [pages].
          item_ids: Text [items], the same for all pages.
          timestamps: int64 [pages], Unix seconds, not before the first day;
            what comes after the last one is taken to be of it.
          wanted: int64 [pages], as `wanted` returns.

        Returns:
          float64 [pages, items].

        Raises:
          DataError: A user, an item or a day is not in the mall.
        """
        truth, world = self._truth, self._truth.world
        users, items = self.rows("user", user_ids), self.rows("item", item_ids)
        found = np.zeros((len(users), len(items)))
        days = np.array([truth.day_of(int(t)) for t in timestamps], np.int64)
        # Sessions of the last day may run past its midnight.
        days = np.minimum(days, truth.settings.num_days - 1)
        for day in np.unique(days):
            rows = np.flatnonzero(days == day)
            shown = np.broadcast_to(items, (len(rows), len(items)))
            logit = truth.relevance(users[rows], shown, int(day))
            anything = np.full(len(rows), -1)
            # No leaf is -1, and no option and no brand -2.
            intent = Intent(
                leaf=wanted[rows], option=anything, offer=anything - 1
            )
            logit = logit + intent_logit(world.catalogue, shown, intent)
            shelf = Shelf(
                truth.settings, world.catalogue, world.campaigns, int(day)
            )
            logit += discount_logit(shelf.discount[shown])
            found[rows] = sigmoid(logit)
        return found


def _key(session, timestamps):
    return session.astype(np.int64) * _LATEST + timestamps
