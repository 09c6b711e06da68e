"""Impressions that the ranking head's chances are made right on.

A log's impressions were chosen to please: they were searched for, or are like
what was liked before. An ad may be of anything, and of what nobody would have
shown on a page the head says far too much, because it has never seen it there.
So before auctions are held, ads are shown for a while (a pilot), more often
where the head says more but anywhere now and then, and the chances are made
right on these. Where only a log is known, its own impressions have to do; then
nothing but what was shown can be an ad.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.logged_pages import LoggedPages
from datasets.mall.page_truth import PageTruth


@dataclasses.dataclass(frozen=True, kw_only=True)
class Impressions:
    """What was shown, in the order of time; arrays [impressions].

    Attributes:
      said: float64, what the head said.
      clicked: bool.
      positions: int64, slots of the page, -1 unknown.
    """

    said: NDArray[np.float64]
    clicked: NDArray[np.bool_]
    positions: NDArray[np.int64]


def of_log(pages: LoggedPages, own: NDArray[np.floating]) -> Impressions:
    """Returns what a log's pages showed.

    Args:
      pages: In the order of time.
      own: [impressions], what the head says, NaN for what is not offered.
    """
    known = ~np.isnan(own)
    return Impressions(
        said=own[known].astype(np.float64),
        clicked=pages.clicked[known],
        positions=pages.positions[known],
    )


def of_pilot(
    said: NDArray[np.floating],
    chances: NDArray[np.floating],
    *,
    looked: NDArray[np.floating],
    positions: tuple[int, ...],
    visits: int,
    seed: int,
) -> Impressions:
    """Shows ads in proportion to what the head says, and draws the clicks.

    Args:
      said: [pages, ads], what the head says, NaN for what is not offered.
      chances: [pages, ads], of a click by a user who looks at the slot.
      looked: [slots], chance that each paid slot is looked at.
      positions: Of the paid slots; no more than ads that are offered.
      visits: To each page, at least 1.
      seed: Of the draws.
    """
    rng = np.random.default_rng([seed, 20_140_829])
    slots = len(positions)
    found: dict[str, list] = {"said": [], "clicked": []}
    for row, chance in zip(said.astype(np.float64), chances, strict=True):
        offered = np.flatnonzero(row > 0)
        # The largest of log p + Gumbel noise are draws without replacement.
        key = np.log(row[offered]) + rng.gumbel(size=(visits, len(offered)))
        shown = offered[np.argsort(-key, axis=1)[:, :slots]]
        found["said"].append(row[shown].ravel())
        found["clicked"].append(
            (rng.random(shown.shape) < chance[shown] * looked).ravel()
        )
    return Impressions(
        said=np.concatenate(found["said"]),
        clicked=np.concatenate(found["clicked"]),
        positions=np.tile(np.array(positions), len(said) * visits),
    )


def pilot_on(
    pages: LoggedPages,
    item_ids: NDArray[np.object_],
    said: NDArray[np.floating],
    truth: PageTruth,
    *,
    positions: tuple[int, ...],
    visits: int,
    seed: int,
) -> Impressions:
    """Shows ads on pages of a simulated mall, see `of_pilot`."""
    chances = truth.chances(
        pages.user_ids,
        item_ids,
        pages.timestamps,
        truth.wanted(pages.session_ids, pages.timestamps),
    )
    looked = truth.examination[list(positions)]
    return of_pilot(
        said,
        chances,
        looked=looked,
        positions=positions,
        visits=visits,
        seed=seed,
    )
