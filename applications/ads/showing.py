"""The auction of one page, told so that people can check it."""

import dataclasses

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.ads import auction
from applications.ads.ad_table import FEN, AdTable
from applications.ads.settings import AuctionSettings
from applications.ads.targeting import allowed
from applications.shop_items import rows_of
from serving.requests import Request

# eCPM is of a thousand showings.
_MILLE = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankedAd:
    """An ad that a user would be shown.

    Attributes:
      slot: From 1.
      ad_id: Which.
      item_id: Of what.
      title: Of the item, as people read it; may be empty.
      bid: CNY a click, at most.
      chance: Calibrated chance of a click.
      quality: As the table of ads has it.
      ecpm: CNY that a thousand showings are worth, at the bid.
      price: CNY that a click costs.
    """

    slot: int
    ad_id: str
    item_id: str
    title: str
    bid: float
    chance: float
    quality: float
    ecpm: float
    price: float


def rank_ads(
    ads: AdTable,
    request: Request,
    items: pa.Table,
    chances: NDArray[np.floating],
    settings: AuctionSettings,
) -> tuple[RankedAd, ...]:
    """Holds the auction of a page, with full budgets and nothing seen yet.

    Args:
      ads: All ads.
      request: The user, as of the page.
      items: As `shop_items.read_items` returns.
      chances: [ads], calibrated, NaN for what cannot be shown.
      settings: As many slots as ads are wanted.
    """
    fits = allowed(ads, [request], np.array([request.timestamp]), items)
    known = ~np.isnan(chances)
    weight = auction.weights(
        settings, np.where(known, chances, 0.0)[None], ads.quality
    )
    ties = np.random.default_rng(settings.seed).random((1, len(ads)))
    outcome = auction.hold(settings, ads.bids, weight, fits & known, ties)
    titles = items["title"].fill_null("")
    rows = rows_of(items, ads.item_ids.tolist())
    return tuple(
        RankedAd(
            slot=slot + 1,
            ad_id=ads.ad_ids[ad],
            item_id=ads.item_ids[ad],
            title=titles[int(rows[ad])].as_py(),
            bid=float(ads.bids[ad]) / FEN,
            chance=float(chances[ad]),
            quality=float(ads.quality[ad]),
            ecpm=float(ads.bids[ad] * chances[ad] * ads.quality[ad])
            * _MILLE
            / FEN,
            price=float(price) / FEN,
        )
        for slot, (ad, price) in enumerate(
            zip(outcome.ads[0], outcome.prices[0], strict=True)
        )
        if ad >= 0
    )
