"""A shopper's profile as one document (`profile.schema.json` describes it)."""

import importlib.resources
import json

import numpy as np

from applications.profile.evidence import local_time
from applications.profile.sensitive import NOT_INFERRED, is_minor
from applications.profile.shop import Shop
from applications.profile.traits import Shopper, unknown

SCHEMA = "profile.schema.json"
MINOR = "记录为未成年人，不做画像"


def profile_of(shop: Shop, user_id: str) -> dict:
    """Makes the profile of a user.

    Args:
      shop: As of the profile's time.
      user_id: Who.

    Returns:
      What `profile.schema.json` describes: each trait with its value (None
      where there is too little), in words, with a confidence from 0 to 1 and
      the events that show it.

    Raises:
      DataError: The user is not in the log before that time.
    """
    shopper = Shopper(shop, user_id)
    minor = _is_minor(shop, user_id)
    times = shop.log.events.timestamp[shopper.events]
    return {
        "user_id": user_id,
        "as_of": local_time(shop.as_of),
        "based_on": {
            "events": 0 if minor else len(times),
            "visits": 0 if minor else len(shopper.visits),
            "first": None if minor or not len(times) else _told(times.min()),
            "last": None if minor or not len(times) else _told(times.max()),
        },
        "note": MINOR if minor else "",
        "traits": _no_traits() if minor else _traits(shopper),
        "not_inferred": list(NOT_INFERRED),
    }


def read_schema() -> dict:
    """Returns the JSON schema of profiles."""
    folder = importlib.resources.files("applications.profile")
    return json.loads((folder / SCHEMA).read_text(encoding="utf-8"))


def _traits(shopper: Shopper) -> dict:
    return {
        "categories": shopper.favourites("categories"),
        "brands": shopper.favourites("brands"),
        "price_band": shopper.price_band(),
        "theme": shopper.theme(),
        "active_hours": shopper.active_hours(),
        "active_days": shopper.active_days(),
        "device": shopper.logged("device"),
        "city": shopper.logged("city"),
        "campaigns": shopper.campaigns(),
    }


def _no_traits() -> dict:
    lists: dict[str, list] = {"categories": [], "brands": []}
    single = (
        "price_band", "theme", "active_hours", "active_days", "device", "city",
        "campaigns",
    )  # fmt: skip
    return {**lists, **{name: unknown() for name in single}}


def _is_minor(shop: Shop, user_id: str) -> bool:
    row = shop.rows.get(user_id)
    return row is not None and is_minor(
        shop.log.profiles["age_band"][row].as_py()
    )


def _told(timestamp: np.int64) -> str:
    return local_time(int(timestamp))
