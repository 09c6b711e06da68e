"""The auction of one moment: order of the ads, and what a click costs.

Generalised second price with weights: an ad of bid b and weight w stands by
b · w, and pays for a click the least bid that would have kept its slot
(Edelman, Ostrovsky, Schwarz 2007, "Internet advertising and the generalized
second-price auction"; weighted by quality as in Varian 2007, "Position
auctions"). With w = p(click) · quality, b · w is what a showing earns: eCPM.

Money is whole fen (1/100 CNY), so that sums are exact.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.ads.settings import AuctionSettings

# A price that floating point puts this little above a whole fen is that fen.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Who stands where; arrays [auctions, slots], the best slot first.

    Attributes:
      ads: int64, rows of ads, -1 where nobody is left.
      prices: int64, fen a click, 0 where nobody is left.
    """

    ads: NDArray[np.int64]
    prices: NDArray[np.int64]


def weights(
    settings: AuctionSettings,
    chances: NDArray[np.floating],
    quality: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Returns what a bid is multiplied by, float64 [auctions, ads].

    Args:
      settings: `order` decides.
      chances: [auctions, ads], calibrated chances of a click.
      quality: [ads], above 0, at most 1.
    """
    if settings.order == "bid":
        return np.ones(chances.shape)
    return np.asarray(chances, np.float64) * quality


def hold(
    settings: AuctionSettings,
    bids: NDArray[np.int64],
    weight: NDArray[np.float64],
    enters: NDArray[np.bool_],
    ties: NDArray[np.float64],
) -> Outcome:
    """Gives the slots of some pages to ads.

    An ad enters with a bid of at least the reserve price and a weight above
    0. Nobody below the last slot means that the reserve price keeps it.

    Args:
      settings: Order, price, reserve and number of slots.
      bids: int64 [ads], fen a click.
      weight: float64 [auctions, ads], as `weights` returns.
      enters: bool [auctions, ads], who may be shown.
      ties: float64 [auctions, ads], drawn from 0 to 1; the higher one stands
        first among equals, and alone decides where order is `random`.
    """
    slots = len(settings.positions)
    enters = enters & (bids >= settings.reserve_fen) & (weight > 0)
    score = _scores(settings, bids, weight, ties)
    score = np.where(enters, score, -np.inf)
    kept = min(slots + 1, score.shape[1])
    best = _best(score, ties, kept)
    ranked = np.take_along_axis(score, best, axis=1)
    there = ranked > -np.inf
    ads = np.full((len(score), slots + 1), -1, np.int64)
    ads[:, :kept] = np.where(there, best, -1)
    winners = np.maximum(ads[:, :slots], 0)
    own_bids = bids[winners]
    if settings.price == "first":
        prices = own_bids
    elif settings.order in ("ecpm", "bid"):
        below = np.zeros((len(score), slots))
        below[:, : kept - 1] = np.where(there, ranked, 0.0)[:, 1:]
        own = np.take_along_axis(weight, winners, axis=1)
        least = np.divide(below, own, out=np.zeros_like(below), where=own > 0)
        prices = np.ceil(least - _ROUNDING).astype(np.int64)
        prices = np.clip(prices, settings.reserve_fen, own_bids)
    else:
        # No bid is needed to keep a slot that bids do not decide.
        prices = np.full(own_bids.shape, settings.reserve_fen)
    empty = ads[:, :slots] < 0
    return Outcome(ads[:, :slots], np.where(empty, 0, prices))


def _scores(settings, bids, weight, ties):
    if settings.order == "random":
        return ties
    return weight if settings.order == "ctr" else bids * weight


def _best(score, ties, kept):
    """Returns the columns of the highest scores, int64 [auctions, kept].

    Only they are sorted: a market has many more ads than a page has slots.
    """
    if kept < score.shape[1]:
        edge = np.partition(score, -kept, axis=1)[:, -kept, None]
        # Equals on the edge: the higher ties among them have to come in.
        key = np.where(score > edge, 2.0 + ties, ties - 1.0)
        key = np.where(score == edge, ties, key)
        chosen = np.argpartition(key, -kept, axis=1)[:, -kept:]
    else:
        chosen = np.broadcast_to(np.arange(kept), (len(score), kept))
    order = np.lexsort(
        (
            -np.take_along_axis(ties, chosen, axis=1),
            -np.take_along_axis(score, chosen, axis=1),
        ),
        axis=1,
    )
    return np.take_along_axis(chosen, order, axis=1)
