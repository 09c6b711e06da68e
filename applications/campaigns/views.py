"""Who opened the page of a campaign, and what came of it."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.shop_log import CODE, ShopLog
from models.campaigns.features import HEADS

_CHOICES = ("click", "favorite", "cart", "buy")
# What ends a page of a campaign within a visit.
_NEXT_PAGE = ("search", "campaign_view")


@dataclasses.dataclass(frozen=True)
class Views:
    """Views of campaigns, by user and time.

    Attributes:
      user: int64 [n], rows of the log's users.
      campaign: int64 [n], rows of the campaigns.
      timestamp: int64 [n], Unix seconds.
      took_part: bool [n, heads], what came of each.
    """

    user: NDArray[np.int64]
    campaign: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    took_part: NDArray[np.bool_]

    def __len__(self):
        return len(self.user)

    def take(self, keep: NDArray) -> "Views":
        """Returns some views, as a mask or as rows."""
        return Views(
            self.user[keep],
            self.campaign[keep],
            self.timestamp[keep],
            self.took_part[keep],
        )


def find_views(
    log: ShopLog,
    campaign_of_event: NDArray[np.int64],
    covers: NDArray[np.bool_],
    window_seconds: int,
) -> Views:
    """Finds the views and what came of them.

    A join counts for the user's latest view of the campaign; a choice of an
    item of its scope, where it came before the next search or campaign of the
    visit. Both within the window.

    Args:
      log: The events.
      campaign_of_event: int64 [events], rows of the campaigns, -1 for none.
      covers: bool [items of the log, campaigns], the scopes.
      window_seconds: See `CampaignSettings`.
    """
    events = log.events
    known = campaign_of_event >= 0
    at = np.flatnonzero(log.is_type("campaign_view") & known)
    took_part = np.zeros((len(at), len(HEADS)), bool)
    views = Views(
        events.user[at], campaign_of_event[at], events.timestamp[at], took_part
    )
    if not len(at):
        return views

    joins = np.flatnonzero(log.is_type("campaign_join") & known)
    width = int(campaign_of_event.max()) + 1
    pair = events.user * width + campaign_of_event
    view = _latest(
        events.time_keys(pair[at], events.timestamp[at]),
        events.time_keys(pair[joins], events.timestamp[joins]),
    )
    good = (view >= 0) & (pair[at[view]] == pair[joins])
    good &= _within(events.timestamp, at[view], joins, window_seconds)
    took_part[view[good], HEADS.index("join")] = True

    # Events are in order of user and time, so a page lasts until the next.
    pages = np.flatnonzero(log.is_type(*_NEXT_PAGE))
    choices = np.flatnonzero(log.is_type(*_CHOICES))
    place = np.searchsorted(pages, choices) - 1
    page = pages[np.maximum(place, 0)]
    opened = np.minimum(np.searchsorted(at, page), len(at) - 1)
    good = (place >= 0) & (at[opened] == page)
    good &= log.visit[page] == log.visit[choices]
    good &= _within(events.timestamp, page, choices, window_seconds)
    good &= covers[events.item[choices], campaign_of_event[page]]
    took_part[opened[good], HEADS.index("choose")] = True
    return views


def _latest(keys, asked):
    """Returns the last of unsorted `keys` at or before each, -1 for none."""
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys[order], asked, side="right") - 1
    return np.where(place >= 0, order[np.maximum(place, 0)], -1)


def _within(times, before, after, window_seconds):
    gap = times[after] - times[before]
    return (gap >= 0) & (gap <= window_seconds)


def campaigns_of_events(
    log: ShopLog, campaign_ids: list[str]
) -> NDArray[np.int64]:
    """Returns int64 [events], the campaign each event is about, -1 for none.

    Only views and joins are about a campaign; an item that was bought under
    one is about the item.
    """
    row = {name: number for number, name in enumerate(campaign_ids)}
    texts = log.campaign.texts.to_pylist()
    found = np.array([row.get(text, -1) for text in texts], np.int64)
    about = np.isin(
        log.events.type, [CODE["campaign_view"], CODE["campaign_join"]]
    )
    return np.where(about, found[log.campaign.codes], -1)
