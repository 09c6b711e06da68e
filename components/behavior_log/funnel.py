"""Event types as small integers, and the heads of the funnel over them.

The code of a type is its place in `EVENT_TYPES`; among the types on an item
that order is also depth, from weakest to strongest.
"""

import dataclasses

from schema.contract import (
    EVENT_TYPES,
    ITEM_EVENT_TYPES,
    SEARCH,
)
from schema.heads import parse_heads as heads_of
from schema.settings import SettingsError

IMPRESSION_CODE = EVENT_TYPES.index("impression")
SEARCH_CODE = EVENT_TYPES.index(SEARCH)
ITEM_CODES = tuple(map(EVENT_TYPES.index, ITEM_EVENT_TYPES))
# What makes a step of a history: impressions, searches, campaigns do not.
STEP_CODES = tuple(code for code in ITEM_CODES if code != IMPRESSION_CODE)


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
      SettingsError: As `schema.heads.parse_heads` does, and where a head
        names impressions, which are what labels are about.

    >>> [head.name for head in parse_heads(("click=click,buy", "buy=buy"))]
    ['click', 'buy']
    """
    parsed = heads_of(heads)
    for name, types in parsed.items():
        if EVENT_TYPES[IMPRESSION_CODE] in types:
            raise SettingsError(
                f"head {name!r} names impressions; allowed: "
                f"{', '.join(ITEM_EVENT_TYPES[1:])}"
            )
    return tuple(
        Head(name, type_codes(types)) for name, types in parsed.items()
    )
