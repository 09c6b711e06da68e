"""The four tables, their columns and the event types, in one place.

`schema/*.pbtxt` says the same to TFDV and `schema/README.md` to people; a test
holds the three together.
"""

import dataclasses

# From the weakest sign of interest to the strongest; the order is used where
# several events on one item are summed up by the deepest.
_ITEM_EVENTS = {
    "impression": "the item was shown; `position` says where",
    "view": "its page was opened, or it was looked at",
    "click": "it was clicked in a list",
    "favorite": "it was put among the favourites, or rated well",
    "cart": "it was put into the cart",
    "uncart": "it was taken out of the cart again",
    "buy": "it was ordered",
}
SEARCH = "search"
_CAMPAIGN_EVENTS = {
    "campaign_view": "the page of `campaign_id` was opened",
    "campaign_join": "a coupon of it was taken, or it was joined",
}
EVENT_MEANINGS = {
    **_ITEM_EVENTS,
    SEARCH: "`query` was searched for; no item",
    **_CAMPAIGN_EVENTS,
}
ITEM_EVENT_TYPES = tuple(_ITEM_EVENTS)
CAMPAIGN_EVENT_TYPES = tuple(_CAMPAIGN_EVENTS)
EVENT_TYPES = tuple(EVENT_MEANINGS)

_TIME = "Unix seconds, UTC"

CAMPAIGN_KINDS = ("coupon", "flash_sale", "festival", "other")

# Separates the levels of a category path, as in `家电/厨房/电饭煲`.
CATEGORY_SEPARATOR = "/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
      name: Its name in Parquet and CSV files.
      dtype: `string`, `int64`, `float32`, `bool`, or a list of one of them
        as in `list<string>`.
      required: Whether a table without it is refused.
      unit: What a value means, with unit and range.
      example: A value as people would write it.
    """

    name: str
    dtype: str
    required: bool = False
    unit: str = ""
    example: str = ""

    @property
    def is_time(self) -> bool:
        """Whether values are points in time."""
        return self.unit == _TIME


def _columns(*rows):
    return tuple(
        Column(name=n, dtype=d, required=r, unit=u, example=e)
        for n, d, r, u, e in rows
    )


TABLES = {
    "events": _columns(
        ("user_id", "string", True, "who; any text", "u00042"),
        ("item_id", "string", False, "which item; absent in searches", "i7"),
        ("event_type", "string", True, "an event type, below", "click"),
        ("timestamp", "int64", True, _TIME, "1700000000"),
        ("session_id", "string", False, "cut by time where absent", "s1"),
        ("query", "string", False, "what was searched for", "无线鼠标"),
        ("scene", "string", False, "where in the shop", "home"),
        ("position", "int64", False, "slot of an impression, from 0", "3"),
        ("city", "string", False, "where the user was", "杭州"),
        ("device", "string", False, "ios, android, web, …", "ios"),
        ("campaign_id", "string", False, "campaign it belongs to", "c5"),
        ("price", "float32", False, "CNY paid or shown, >= 0", "199.0"),
        ("quantity", "int64", False, "pieces, >= 1", "1"),
    ),
    "items": _columns(
        ("item_id", "string", True, "which item; any text, unique", "i7"),
        (
            "title",
            "string",
            True,
            "may be empty where unknown",
            "无线鼠标 静音",
        ),
        ("description", "string", False, "longer text", "2.4G 接收器…"),
        (
            "category",
            "string",
            False,
            "path, / between levels",
            "电脑/外设/鼠标",
        ),
        ("brand", "string", False, "one brand", "罗技"),
        ("shop_id", "string", False, "who sells it", "shop3"),
        ("price", "float32", False, "CNY, >= 0", "99.0"),
        ("listed_at", "int64", False, _TIME, "1690000000"),
        (
            "tags",
            "list<string>",
            False,
            "free words; those that items share count",
            "[静音, 便携]",
        ),
        (
            "image_embedding",
            "list<float32>",
            False,
            "picture, one length for all; none: null or empty",
            "[…]",
        ),
        ("in_stock", "bool", False, "absent means yes", "true"),
    ),
    "users": _columns(
        ("user_id", "string", True, "who; unique", "u00042"),
        ("gender", "string", False, "as recorded", "F"),
        ("age_band", "string", False, "as recorded", "26-35"),
        ("city", "string", False, "home", "杭州"),
        ("level", "string", False, "membership level", "3"),
        ("registered_at", "int64", False, _TIME, "1600000000"),
    ),
    "campaigns": _columns(
        ("campaign_id", "string", True, "which; unique", "c5"),
        ("title", "string", True, "what users read", "双十一 数码满减"),
        ("description", "string", False, "longer text", "满300减40"),
        ("kind", "string", False, "a kind, below", "coupon"),
        ("starts_at", "int64", False, _TIME, "1699000000"),
        ("ends_at", "int64", False, _TIME, "1700000000"),
        ("discount", "float32", False, "share off, 0 to 1", "0.15"),
        ("scope", "list<string>", False, "item ids or categories", "[电脑]"),
    ),
}
REQUIRED_TABLES = ("events", "items")
