"""Behaviour before a step as a table, for peers that read tables.

Unlike the sequence model's windows, the counts reach back as far as the log.
"""

import numpy as np
from numpy.typing import NDArray

from applications.intent.content import Content
from applications.intent.steps import KINDS, Steps

_HOUR = 3600
_SPANS = {"10 min": 600, "1 h": _HOUR, "24 h": 24 * _HOUR, "168 h": 168 * _HOUR}
_LAST = ("last kind", "last category", "last brand")
CATEGORIES = (*_LAST, "hour")


def table(
    steps: Steps, content: Content, places: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """Returns columns [places], all of the steps up to each place.

    Args:
      steps: Sorted.
      content: For categories, brands and prices.
      places: Of the steps that are asked at.
    """
    time, user = steps.time[places], steps.user[places]
    begin = np.searchsorted(steps.user, user)
    keys = steps.key(steps.user, steps.time)
    columns: dict[str, NDArray] = {}
    from_step = {
        name: np.maximum(
            np.searchsorted(keys, steps.key(user, time - span), side="left"),
            begin,
        )
        for name, span in _SPANS.items()
    }
    from_step["all"] = begin
    for number, kind in enumerate(KINDS[:-1], 1):
        is_kind = steps.kind == number
        total = np.concatenate([[0], np.cumsum(is_kind)])
        for name, first in from_step.items():
            columns[f"{kind} {name}"] = total[places + 1] - total[first]
        last = np.maximum.accumulate(
            np.where(is_kind, np.arange(len(is_kind)), -1)
        )[places]
        there = last >= begin
        gap = np.log1p(np.maximum(time - steps.time[np.maximum(last, 0)], 0))
        columns[f"since {kind}"] = np.where(there, gap, np.nan)
    item = (steps.row > 0) & (steps.row <= content.num_items)
    last = np.maximum.accumulate(np.where(item, np.arange(len(item)), -1))
    last = last[places]
    row = np.where(last >= begin, steps.row[np.maximum(last, 0)], 0)
    columns["last kind"] = steps.kind[places]
    columns["last category"] = content.category[row]
    columns["last brand"] = content.brand[row]
    columns["price"] = content.price[row]
    columns["hour"] = (time // _HOUR + 8) % 24
    return {
        name: np.asarray(values, np.float32) for name, values in columns.items()
    }
