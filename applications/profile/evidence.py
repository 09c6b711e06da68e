"""Events of a log as people read them."""

import datetime

import numpy as np

from applications.profile.shop import Shop
from models.local_time import LOCAL_OFFSET_SECONDS
from schema.contract import EVENT_TYPES

_ZONE = datetime.timezone(datetime.timedelta(seconds=LOCAL_OFFSET_SECONDS))
# What a shopper did, as shoppers call it.
WORDS = {
    "impression": "看到",
    "view": "浏览",
    "click": "点击",
    "favorite": "收藏",
    "cart": "加购",
    "uncart": "移出购物车",
    "buy": "购买",
    "search": "搜索",
    "campaign_view": "看活动",
    "campaign_join": "参加活动",
}


def local_time(timestamp: int) -> str:
    """Returns a second as ISO 8601 in the shop's local time.

    >>> local_time(1_762_790_400)
    '2025-11-11T00:00:00+08:00'
    """
    return datetime.datetime.fromtimestamp(timestamp, _ZONE).isoformat()


def events_told(shop: Shop, rows: np.ndarray) -> list[dict]:
    """Tells events.

    Args:
      shop: Whose log they are of.
      rows: int64 [events], rows of `shop.log.events`.

    Returns:
      For each `time`, `event`, `item_id` and `what`: the item's title, the
      search or the campaign.
    """
    log = shop.log
    campaigns = dict(
        zip(
            log.campaigns["campaign_id"].to_pylist(),
            log.campaigns["title"].to_pylist(),
            strict=True,
        )
    )
    told = []
    for row in rows.tolist():
        item = int(log.events.item[row])
        kind = EVENT_TYPES[int(log.events.type[row])]
        campaign = log.campaign.texts[int(log.campaign.codes[row])].as_py()
        query = log.events.query.texts[int(log.events.query.codes[row])].as_py()
        if item >= 0:
            what = shop.titles[item]
        elif kind.startswith("campaign"):
            what = campaigns.get(campaign, campaign)
        else:
            what = query
        told.append(
            {
                "time": local_time(int(log.events.timestamp[row])),
                "event": WORDS[kind],
                "item_id": log.items["item_id"][item].as_py()
                if item >= 0
                else "",
                "what": what,
            }
        )
    return told
