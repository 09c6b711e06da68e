"""Makes up advertisers for the items of a catalogue.

Bids go with the price of the item, and budgets with the bid; some ads are for
some cities, devices or categories, some for a part of the time. What is made
says nothing about any real advertiser.
"""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from applications.ads.ad_table import FEN, SCHEMA
from applications.ads.pacing import DAY_SECONDS
from applications.ads.settings import SimulatedAdsSettings
from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError

_LEAST_BID_FEN, _MOST_BID_FEN = 5, 10_000
_BID_POWER = 0.6
_BID_SPREAD, _BUDGET_SPREAD = 0.5, 0.9
_CAPS = (1, 2, 3, 5)
_LEAST_PRICE = 10.0
_MOST_TARGETS = 4

# Later ones are milliseconds, or mistakes (see the data contract).
_LATEST_TIMESTAMP = 4_000_000_000


def simulate_for(
    data_dir: pathlib.Path,
    items: pa.Table,
    settings: SimulatedAdsSettings,
    days: int = 1,
) -> pa.Table:
    """Draws ads for the items, cities, devices and last days of a shop.

    Args:
      data_dir: Folder of its tables.
      items: As `simulate_ads` takes them.
      settings: Of the advertisers.
      days: How many of the latest days the advertisers have in mind.

    Raises:
      DataError: A table is missing, or no item can be advertised.
    """
    try:
        events = ds.dataset(data_dir / "events", format="parquet").to_table(
            columns=["timestamp", "city", "device"],
            filter=ds.field("timestamp") < _LATEST_TIMESTAMP,
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{data_dir}/events cannot be read: {error}") from error
    last = pc.max(events["timestamp"]).as_py()
    cities, devices = (
        sorted(filter(None, pc.unique(events[name]).to_pylist()))
        for name in ("city", "device")
    )
    return simulate_ads(
        items,
        cities,
        devices,
        period=(last - days * DAY_SECONDS, last),
        settings=settings,
    )


def simulate_ads(
    items: pa.Table,
    cities: list[str],
    devices: list[str],
    *,
    period: tuple[int, int],
    settings: SimulatedAdsSettings,
) -> pa.Table:
    """Draws ads, in the columns of `ad_table`.

    Args:
      items: `item_id`, `price`, `category`, and `in_stock` if it is known.
      cities: Where users are; may be empty.
      devices: What users have; may be empty.
      period: First and last Unix second for which ads are wanted.
      settings: Seed, how many, and what they are like.

    Raises:
      DataError: No item can be advertised.
    """
    rng = np.random.default_rng([settings.seed, 20_140_824])
    price = np.nan_to_num(items["price"].to_numpy().astype(float))
    fit = price >= _LEAST_PRICE
    if "in_stock" in items.column_names:
        fit &= items["in_stock"].to_numpy(zero_copy_only=False) != False  # noqa: E712
    if not fit.any():
        raise DataError(
            f"none of {len(price)} items is in stock at {_LEAST_PRICE:g} CNY "
            "or more; there is nothing to advertise"
        )
    items_rng = np.random.default_rng([settings.item_seed, 20_140_825])
    rows = items_rng.permutation(np.flatnonzero(fit))[: settings.count]
    rows = np.sort(rows)
    chosen, count = items.take(pa.array(rows)), len(rows)
    bids = settings.bid_fen * (price[rows] / 100) ** _BID_POWER
    bids = bids * np.exp(rng.normal(0, _BID_SPREAD, count))
    bids = np.clip(bids.round(), _LEAST_BID_FEN, _MOST_BID_FEN)
    clicks = settings.clicks_a_day * np.exp(
        rng.normal(0, _BUDGET_SPREAD, count)
    )
    budgets = np.ceil(bids * np.maximum(clicks, 1))
    starts, ends = _windows(rng, count, period, settings.timed_share)
    category = [
        name.split(CATEGORY_SEPARATOR)[0]
        for name in chosen["category"].fill_null("").to_pylist()
    ]
    kind = rng.integers(3, size=count)
    targeted = rng.random(count) < settings.targeted_share
    return pa.table(
        {
            "ad_id": [f"ad{n:05}" for n in range(count)],
            "item_id": chosen["item_id"],
            "bid": bids / FEN,
            "daily_budget": budgets / FEN,
            "quality": rng.beta(6, 2, count).round(2).clip(0.05, 1),
            "frequency_cap": rng.choice(_CAPS, count),
            "categories": [
                [top] if on and which == 0 and top else []
                for on, which, top in zip(targeted, kind, category, strict=True)
            ],
            "cities": _targets(rng, targeted & (kind == 1), cities),
            "devices": _targets(rng, targeted & (kind == 2), devices),
            "starts_at": pa.array(starts, mask=starts < 0),
            "ends_at": pa.array(ends, mask=ends < 0),
        },
        schema=SCHEMA,
    )


def _targets(rng, targeted, values):
    """Returns up to four of the values for each ad that is targeted."""
    if not values:
        return [[] for _ in targeted]
    most = min(_MOST_TARGETS, len(values))
    return [
        sorted(rng.choice(values, rng.integers(1, most + 1), replace=False))
        if on
        else []
        for on in targeted
    ]


def _windows(rng, count, period, share):
    """Returns starts and ends, -1 where there is none."""
    first, last = period
    timed = rng.random(count) < share
    length = last - first
    starts = first + np.floor(rng.random(count) * length / 2).astype(np.int64)
    ends = last - np.floor(rng.random(count) * length / 2).astype(np.int64)
    ends = np.maximum(ends, starts + 1)
    return np.where(timed, starts, -1), np.where(timed, ends, -1)
