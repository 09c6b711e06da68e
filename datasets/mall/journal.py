"""Events as one NumPy record array, before they become text."""

import numpy as np

from datasets.mall.settings import MallSettings

# Numbers stand for rows elsewhere, -1 for none: `user` of Shoppers, `item`
# of Catalogue, `type` of EVENT_TYPES, `query` of Queries, `scene` of SCENES,
# `city` and `device` of their tuples, `campaign` of Campaigns. `order` sorts
# events of one second; `probability` is the true chance of a click on an
# impression; `dirt` is a row of `dirt.KINDS`.
EVENT = np.dtype(
    [
        ("user", np.int32),
        ("item", np.int32),
        ("type", np.int8),
        ("timestamp", np.int64),
        ("session", np.int64),
        ("order", np.int32),
        ("query", np.int32),
        ("scene", np.int8),
        ("position", np.int16),
        ("city", np.int8),
        ("device", np.int8),
        ("campaign", np.int16),
        ("price", np.float32),
        ("quantity", np.int16),
        ("probability", np.float32),
        ("dirt", np.int8),
    ]
)


def blank(count: int) -> np.ndarray:
    """Returns events with nothing known, EVENT [count]."""
    events = np.zeros(count, EVENT)
    for field in EVENT.fields or ():
        events[field] = -1
    events["price"] = np.nan
    events["probability"] = np.nan
    events["quantity"] = 0
    events["order"] = 0
    events["dirt"] = 0
    return events


def in_order(events: np.ndarray) -> np.ndarray:
    """Returns events by time; those of one second by session and order."""
    keys = (
        events["order"],
        events["user"],
        events["session"],
        events["timestamp"],
    )
    return events[np.lexsort(keys)]


def split_day(
    events: np.ndarray, settings: MallSettings, day: int
) -> tuple[np.ndarray, np.ndarray]:
    """Parts events into those up to the day's end and those after it.

    Sessions may run past midnight; the later part waits for the next day, so
    that rows stand in time order over all files.
    """
    after = events["timestamp"] >= settings.day_start(day + 1)
    return events[~after], events[after]
