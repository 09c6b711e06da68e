"""Event types as small integers, and the heads of the funnel over them.

The code of a type is its place in `EVENT_TYPES`; among the types on an item
that order is also depth, from weakest to strongest.
"""

import dataclasses
import re

from schema.contract import (
    CAMPAIGN_EVENT_TYPES,
    EVENT_TYPES,
    ITEM_EVENT_TYPES,
    SEARCH,
)
from schema.settings import SettingsError

IMPRESSION_CODE = EVENT_TYPES.index("impression")
SEARCH_CODE = EVENT_TYPES.index(SEARCH)
ITEM_CODES = tuple(map(EVENT_TYPES.index, ITEM_EVENT_TYPES))
# What makes a step of a history: impressions, searches, campaigns do not.
STEP_CODES = tuple(code for code in ITEM_CODES if code != IMPRESSION_CODE)
CAMPAIGN_CODES = tuple(map(EVENT_TYPES.index, CAMPAIGN_EVENT_TYPES))


@dataclasses.dataclass(frozen=True)
class Head:
    """One output of the ranking model.

    Attributes:
      name: As in `label_<name>`.
      codes: Event types that make the label 1.
    """

    name: str
    codes: tuple[int, ...]

    @property
    def bits(self) -> int:
        """The types as a bit set."""
        return type_bits(self.codes)


def type_bits(codes: tuple[int, ...]) -> int:
    """Returns the bit set of event types."""
    return sum(1 << code for code in codes)


def type_codes(names: tuple[str, ...]) -> tuple[int, ...]:
    """Returns the codes of event types."""
    return tuple(map(EVENT_TYPES.index, names))


def parse_heads(heads: tuple[str, ...]) -> tuple[Head, ...]:
    """Reads the setting `heads`.

    Raises:
      SettingsError: A head is not of the form `name=type,type` with known
        types, or a name comes twice.

    >>> [head.name for head in parse_heads(("click=click,buy", "buy=buy"))]
    ['click', 'buy']
    """
    parsed = []
    choices = ITEM_EVENT_TYPES[1:]
    for text in heads:
        name, _, names = text.partition("=")
        types = tuple(names.split(","))
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not set(types) <= set(
            choices
        ):
            raise SettingsError(
                f"heads has {text!r}; allowed: name=type,type with types of "
                f"{', '.join(choices)}"
            )
        parsed.append(Head(name, type_codes(types)))
    names = [head.name for head in parsed]
    if not names or len(set(names)) < len(names):
        raise SettingsError(
            f"heads is {heads!r}; allowed: at least one, each name once"
        )
    return tuple(parsed)
