"""Reads the funnel's heads: which event types make each head's label 1."""

import re
from collections.abc import Iterable

from schema import contract
from schema.settings import Settings, SettingsError

# What a user may do with an item that was shown.
ANSWERS = tuple(
    name for name in contract.ITEM_EVENT_TYPES if name != "impression"
)


def parse_heads(heads: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns the event types of each head, in the order of the funnel.

    >>> parse_heads(("click=view,click,cart,buy", "buy=buy"))
    {'click': ('view', 'click', 'cart', 'buy'), 'buy': ('buy',)}

    Args:
      heads: `name=type,type` for each head; the first is the gate of the
        others.

    Raises:
      SettingsError: There is none, one is not of that form, a name comes
        twice, or an event type is not one of `ANSWERS`.
    """
    parsed: dict[str, tuple[str, ...]] = {}
    for head in heads:
        name, _, types = head.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not types:
            raise SettingsError(
                f"head {head!r} is not of the form name=type,type"
            )
        if name in parsed:
            raise SettingsError(f"head {name!r} comes twice")
        parsed[name] = tuple(types.split(","))
        for event_type in parsed[name]:
            if event_type not in ANSWERS:
                raise SettingsError(
                    f"head {name!r} names the event type {event_type!r}; "
                    f"allowed: {', '.join(ANSWERS)}"
                )
    if not parsed:
        raise SettingsError("heads is empty; give at least one name=type")
    return parsed


def check_choices(settings: Settings, field: str) -> None:
    """Checks a field that says which event types are a choice of an item.

    Raises:
      SettingsError: It is empty, or names a type that is not one of
        `ANSWERS`.
    """
    given = getattr(settings, field)
    settings.check(
        field,
        bool(given) and set(given) <= set(ANSWERS),
        f"one or more of {', '.join(ANSWERS)}",
    )
