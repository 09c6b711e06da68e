"""Whom an ad is for, and when.

A user is taken to be interested in the categories of the latest items of the
history as of the page; a category path includes what is below it.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.ads.ad_table import AdTable
from applications.shop_items import rows_of
from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError
from serving.requests import Request

LATEST_ITEMS = 10


def allowed(
    ads: AdTable,
    requests: Sequence[Request],
    timestamps: NDArray[np.int64],
    items: pa.Table,
) -> NDArray[np.bool_]:
    """Returns who may be shown on which page, bool [pages, ads].

    Args:
      ads: With items that are in the table of items.
      requests: One a page, as of then.
      timestamps: int64 [pages], Unix seconds.
      items: As `read_items` returns; an item that is listed later is not
        shown yet.

    Raises:
      DataError: An ad is for an unknown item.
    """
    rows = rows_of(items, ads.item_ids.tolist())
    if (rows < 0).any():
        ad = int(np.flatnonzero(rows < 0)[0])
        raise DataError(
            f"ad {ads.ad_ids[ad]!r} is for the item {ads.item_ids[ad]!r}, "
            "which is not in the table of items"
        )
    listed = items["listed_at"].fill_null(0).to_numpy()[rows]
    when = timestamps[:, None]
    fits = (ads.starts_at <= when) & (when < ads.ends_at) & (listed <= when)
    for name, of_requests in (
        ("cities", [request.city for request in requests]),
        ("devices", [request.device for request in requests]),
    ):
        fits &= _listed(getattr(ads, name), np.array(of_requests, object))
    return fits & _interested(ads.categories, requests, items)


def _listed(wanted, values):
    """Returns bool [pages, ads], whether the page's value is wanted."""
    distinct, row = np.unique(values.astype(str), return_inverse=True)
    table = np.array(
        [
            [not any_of or name in any_of for any_of in wanted]
            for name in distinct
        ]
    ).reshape(len(distinct), len(wanted))
    return table[row]


def _interested(wanted, requests, items):
    paths = sorted({path for one in wanted for path in one})
    free = np.array([not one for one in wanted])
    if not paths:
        return np.broadcast_to(free, (len(requests), len(wanted)))
    latest = [
        list(request.history_item_ids)[-LATEST_ITEMS:] for request in requests
    ]
    page = np.repeat(np.arange(len(requests)), [len(one) for one in latest])
    rows = rows_of(items, [item for one in latest for item in one])
    category = [
        f"{name}{CATEGORY_SEPARATOR}"
        for name in items["category"].fill_null("").to_pylist()
    ]
    inside = np.array(
        [
            [name.startswith(f"{path}{CATEGORY_SEPARATOR}") for path in paths]
            for name in category
        ]
    )
    liked = np.zeros((len(requests), len(paths)), bool)
    known = rows >= 0
    np.logical_or.at(liked, page[known], inside[rows[known]])
    member = np.array([[path in one for path in paths] for one in wanted])
    return free | (liked.astype(np.int32) @ member.T.astype(np.int32) > 0)
