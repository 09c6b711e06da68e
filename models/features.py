"""The one table of features; adding a feature is adding one row.

Preprocessing, inputs, towers and the export read it. A row is one feature as
it stands in transformed examples: from which raw feature it comes
(`schema/catalogue.pbtxt`, `schema/behavior.pbtxt`), how it is transformed, and
which part of the model reads it. Categorical features are indices from 1; 0
means unknown.
"""

import dataclasses

from schema.contract import EVENT_TYPES

PRICE_BUCKETS = 16
# Bucket b holds ages of 2^(b-1) - 1 to 2^b - 2 days; the last is open.
AGE_BUCKETS = 13
CATEGORY_LEVELS = 3
# How many tags of an item the model reads; MovieLens has up to 6 genres a
# film, Amazon's Chinese books up to 9 tags of users.
MAX_TAGS = 16
LABEL_PREFIX = "label_"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Feature:
    """One feature of transformed examples.

    Attributes:
      name: Its name in transformed examples.
      source: The raw feature that it is made from.
      transform: A key of `models.preprocessing.TRANSFORMS`; `pass` keeps the
        raw value, and empty says that transformed examples do not have it.
      dtype: `string`, `int64` or `float32`, after the transform.
      default: What a missing raw value counts as.
      is_list: Whether it has any number of values an example. Of an item's
        they are a set, and the tower sums over them.
      is_vector: Whether its values are one vector, as long as any other
        example's; an example without one has no values.
      tower: Who reads it: `item` (item tower), `context` (query tower: what
        is known of the request and the user); empty where a part of the
        model reads it by name.
      size: Number of indices of a categorical feature, 0 included; -1 where
        the vocabulary in the transform graph says it; 0 if not categorical.
      level: For category levels: how many levels of the path are kept.
      request: Whether it is part of a serving request.
    """

    name: str
    source: str
    transform: str = "pass"
    dtype: str = "int64"
    default: str | int | float = 0
    is_list: bool = False
    is_vector: bool = False
    tower: str = ""
    size: int = 0
    level: int = 0
    request: bool = False


def _raw(name, dtype, default, **more):
    return Feature(name=name, source=name, dtype=dtype, default=default, **more)


def _vocabulary(source, tower, is_list=False):
    return Feature(
        name=f"{source}_index",
        source=source,
        transform="vocabulary",
        default="",
        is_list=is_list,
        tower=tower,
        size=-1,
    )


ITEM_FEATURES = (
    _raw("item_id", "string", ""),
    _raw("price", "float32", -1.0),
    _raw("listed_at", "int64", 0),
    Feature(
        name="image",
        source="image_embedding",
        dtype="float32",
        is_vector=True,
    ),
    *(
        Feature(
            name=f"category_{level}",
            source="category",
            transform="category_level",
            default="",
            tower="item",
            size=-1,
            level=level,
        )
        for level in range(1, CATEGORY_LEVELS + 1)
    ),
    _vocabulary("brand", "item"),
    _vocabulary("shop_id", "item"),
    _vocabulary("tags", "item", is_list=True),
    Feature(
        name="price_bucket",
        source="price",
        transform="price_bucket",
        default=-1.0,
        tower="item",
        size=PRICE_BUCKETS + 1,
    ),
    Feature(
        name="log_price",
        source="price",
        transform="log_price",
        dtype="float32",
        default=-1.0,
        tower="item",
    ),
    Feature(
        name="age_bucket",
        source="listed_at",
        transform="age_bucket",
        tower="item",
        size=AGE_BUCKETS + 1,
    ),
)

BEHAVIOR_FEATURES = (
    _raw("user_id", "string", ""),
    _raw("timestamp", "int64", 0, request=True),
    _raw("query", "string", "", request=True),
    _raw("scene", "string", "", request=True, transform=""),
    _raw("city", "string", "", request=True, transform=""),
    _raw("device", "string", "", request=True, transform=""),
    _raw("gender", "string", "", request=True, transform=""),
    _raw("age_band", "string", "", request=True, transform=""),
    _raw("level", "string", "", request=True, transform=""),
    _raw("history_item_ids", "string", "", is_list=True, request=True),
    _raw(
        "history_event_types",
        "string",
        "",
        is_list=True,
        request=True,
        transform="",
    ),
    _raw("history_queries", "string", "", is_list=True, request=True),
    _raw("history_timestamps", "int64", 0, is_list=True, request=True),
    _raw("item_id", "string", ""),
    _raw("position", "int64", -1),
    _raw("weight", "float32", 1.0),
    Feature(
        name="history_event_indices",
        source="history_event_types",
        transform="event_type",
        default="",
        is_list=True,
        size=len(EVENT_TYPES) + 1,
    ),
    Feature(
        name="hour",
        source="timestamp",
        transform="hour",
        tower="context",
        size=24,
    ),
    Feature(
        name="weekday",
        source="timestamp",
        transform="weekday",
        tower="context",
        size=7,
    ),
    _vocabulary("scene", "context"),
    _vocabulary("city", "context"),
    _vocabulary("device", "context"),
    _vocabulary("gender", "context"),
    _vocabulary("age_band", "context"),
    _vocabulary("level", "context"),
)


def request_features() -> tuple[Feature, ...]:
    """Returns the raw features that a request carries."""
    return tuple(f for f in BEHAVIOR_FEATURES if f.request)


def transformed(table: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Returns the rows of `table` that transformed examples have."""
    return tuple(f for f in table if f.transform)


def tower_features(
    table: tuple[Feature, ...], tower: str
) -> tuple[Feature, ...]:
    """Returns the rows of `table` that `tower` reads, in table order."""
    return tuple(f for f in table if f.tower == tower)


def label_name(head: str) -> str:
    """Returns the name of the label of a head.

    >>> label_name("cart")
    'label_cart'
    """
    return LABEL_PREFIX + head
