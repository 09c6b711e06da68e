"""The mall's arrays as the contract's tables."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from datasets.mall.campaigns import Campaigns
from datasets.mall.catalogue import Catalogue
from datasets.mall.dirt import spoil
from datasets.mall.exposure import SCENES
from datasets.mall.sessions import World
from datasets.mall.shoppers import CITIES, DEVICES, profile
from datasets.tables import arrow_schema
from schema.contract import EVENT_TYPES


def _words(words, rows):
    """Returns words[rows] as Arrow strings, null where the row is -1."""
    rows = np.asarray(rows, np.int64)
    index = pa.array(np.maximum(rows, 0), mask=rows < 0)
    if not len(words):
        return pa.nulls(len(rows), pa.string())
    return pa.array(words, pa.string()).take(index)


def _numbers(values, missing, kind):
    return pa.array(values, mask=missing).cast(kind)


def session_names(numbers: np.ndarray) -> pa.Array:
    """Returns the text of session numbers, null for -1."""
    known, row = np.unique(numbers, return_inverse=True)
    row = np.where(numbers < 0, -1, row.reshape(numbers.shape))
    return _words([f"s{n:08}" for n in known.tolist()], row)


def events_table(world: World, events: np.ndarray) -> pa.Table:
    """Writes events as the contract's table, the marked ones spoilt.

    Args:
      world: Where the numbers point to.
      events: `journal.EVENT` [rows].
    """
    columns = {
        "user_id": _words(world.shoppers.user_ids, events["user"]),
        "item_id": _words(world.catalogue.item_ids, events["item"]),
        "event_type": _words(EVENT_TYPES, events["type"]),
        "timestamp": pa.array(events["timestamp"]),
        "session_id": session_names(events["session"]),
        "query": _words(world.queries.texts, events["query"]),
        "scene": _words(SCENES, events["scene"]),
        "position": _numbers(
            events["position"], events["position"] < 0, pa.int64()
        ),
        "city": _words(CITIES, events["city"]),
        "device": _words(DEVICES, events["device"]),
        "campaign_id": _words(world.campaigns.campaign_ids, events["campaign"]),
        "price": _numbers(
            events["price"], np.isnan(events["price"]), pa.float32()
        ),
        "quantity": _numbers(
            events["quantity"], events["quantity"] <= 0, pa.int64()
        ),
    }
    schema = arrow_schema("events")
    table = pa.table([columns[name] for name in schema.names], schema=schema)
    return spoil(table, events["dirt"])


def items_table(
    catalogue: Catalogue,
    uncategorised: np.ndarray,
    images: Sequence[np.ndarray | None] = (),
) -> pa.Table:
    """Writes the catalogue, in order of item id.

    Args:
      catalogue: What there is.
      uncategorised: bool [items], which ones have no category here.
      images: Vector of each item, None without one; empty where none has one.
    """
    rows = range(len(catalogue))
    paths = [catalogue.leaves[n].category for n in catalogue.leaf]
    columns = {
        "item_id": catalogue.item_ids,
        "title": catalogue.titles,
        "description": catalogue.descriptions,
        "category": pa.array(paths, pa.string(), mask=uncategorised),
        "brand": [catalogue.offer_brands[n] for n in catalogue.offer],
        "shop_id": catalogue.shop_ids,
        "price": catalogue.price,
        "listed_at": catalogue.listed_at,
        "tags": [catalogue.tags(row) for row in rows],
        "image_embedding": images or [None for _ in rows],
        "in_stock": catalogue.in_stock,
    }
    table = pa.table(columns, schema=arrow_schema("items"))
    return table.sort_by("item_id")


def users_table(world: World) -> pa.Table:
    """Writes the profiles, in order of user id; bots have one too."""
    table = pa.table(profile(world.shoppers), schema=arrow_schema("users"))
    return table.sort_by("user_id")


def campaigns_table(
    campaigns: Campaigns, starts_at: list[int], ends_at: list[int]
) -> pa.Table:
    """Writes the campaigns.

    Args:
      campaigns: What they are.
      starts_at: Unix seconds of each.
      ends_at: Unix seconds of each, when it is over.
    """
    columns = {
        "campaign_id": campaigns.campaign_ids,
        "title": campaigns.titles,
        "description": campaigns.descriptions,
        "kind": campaigns.kinds,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "discount": campaigns.discount.astype(np.float32),
        "scope": campaigns.scopes,
    }
    return pa.table(columns, schema=arrow_schema("campaigns"))
