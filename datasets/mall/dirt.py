"""What goes wrong in real logs, planted on purpose and counted."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.mall.catalogue import Catalogue
from datasets.mall.exposure import SCENES
from datasets.mall.journal import blank
from datasets.mall.randomness import generator
from datasets.mall.settings import MallSettings
from datasets.mall.shoppers import Shoppers
from schema.contract import EVENT_TYPES

# The number of a kind is its place here; 0 is a clean row. The copy is dirt,
# not the row that was copied.
KINDS = (
    "",
    "duplicate",
    "bot",
    "unknown_event_type",
    "millisecond_timestamp",
    "negative_price",
    "unknown_item",
    "empty_user",
)
_DUPLICATE, _BOT = KINDS.index("duplicate"), KINDS.index("bot")
_BAD = tuple(range(_BOT + 1, len(KINDS)))
WRONG_EVENT_TYPE = "clik"


def bot_events(
    settings: MallSettings,
    catalogue: Catalogue,
    shoppers: Shoppers,
    day: int,
) -> np.ndarray:
    """Makes the events of bots: hours with an event every few seconds.

    Every bot has such an hour on the first day and on about a fifth of the
    others; it has no session.

    Args:
      settings: Seed and `bot_events_per_hour`.
      catalogue: What they look through, listed before the day.
      shoppers: Who they are.
      day: Day of the simulation.

    Returns:
      EVENT [events].
    """
    rng = generator(settings.seed, "bots", day)
    start, many = settings.day_start(day), settings.bot_events_per_hour
    listed = np.flatnonzero(catalogue.listed_at < start)
    parts = [blank(0)]
    for bot in np.flatnonzero(shoppers.is_bot):
        if day > 0 and rng.random() >= 1 / 5:
            continue
        events = blank(many)
        hour = start + int(rng.integers(24)) * 3600
        events["timestamp"] = hour + rng.permutation(3600)[:many]
        events["user"] = bot
        events["item"] = rng.choice(listed, many)
        events["type"] = np.where(
            rng.random(many) < 0.6,
            EVENT_TYPES.index("view"),
            EVENT_TYPES.index("click"),
        )
        events["scene"] = SCENES.index("category")
        events["city"] = shoppers.city[bot]
        events["device"] = shoppers.device[bot]
        events["price"] = catalogue.price[events["item"]]
        events["dirt"] = _BOT
        parts.append(events)
    return np.concatenate(parts)


def plant(events: np.ndarray, settings: MallSettings, day: int) -> np.ndarray:
    """Copies some rows and marks others to be spoilt.

    No row has two kinds of dirt. Spoilt ones are events on items, kinds in
    turn.

    Args:
      events: EVENT [events] of a day, in order.
      settings: Seed and shares.
      day: Day of the simulation.

    Returns:
      EVENT [events + copies], each copy right behind its row.
    """
    rng = generator(settings.seed, "dirt", day)
    draw = rng.random(len(events))
    clean = events["dirt"] == 0
    copied = clean & (draw < settings.duplicate_share)
    at = 1 - draw
    bad = clean & ~copied & (events["item"] >= 0)
    bad &= at <= settings.bad_row_share
    rows = np.flatnonzero(bad)
    events = events.copy()
    first = int(rng.integers(len(_BAD)))
    events["dirt"][rows] = np.take(
        _BAD, first + np.arange(len(rows)), mode="wrap"
    )
    written = np.repeat(events, 1 + copied)
    second = np.zeros(len(written), bool)
    second[np.flatnonzero(copied) + np.cumsum(copied)[copied]] = True
    written["dirt"][second] = _DUPLICATE
    return written


def spoil(table: pa.Table, dirt: np.ndarray) -> pa.Table:
    """Makes the marked rows bad.

    Args:
      table: Events in the contract's form.
      dirt: int [rows], numbers of KINDS.
    """
    one = pa.scalar(1, pa.float32())
    changes = {
        "unknown_event_type": ("event_type", lambda _: WRONG_EVENT_TYPE),
        "millisecond_timestamp": (
            "timestamp",
            lambda column: pc.multiply(column, 1000),
        ),
        "negative_price": (
            "price",
            # Less one, so that a price of 0 turns negative too.
            lambda column: pc.subtract(pc.negate(column), one),
        ),
        "unknown_item": (
            "item_id",
            lambda column: pc.binary_join_element_wise(
                column.cast(pa.string()), "gone", "-"
            ),
        ),
        "empty_user": ("user_id", lambda _: ""),
    }
    for kind, (name, change) in changes.items():
        marked = pa.array(dirt == KINDS.index(kind))
        column = table[name]
        new = pc.if_else(marked, change(column), column)
        place = table.column_names.index(name)
        table = table.set_column(place, table.schema.field(name), new)
    return table
