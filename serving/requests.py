"""What a service asks the servable about one user, in plain Python."""

import dataclasses
import time
from collections.abc import Sequence

from schema.errors import DataError

HISTORY_FIELDS = (
    "history_item_ids",
    "history_event_types",
    "history_queries",
    "history_timestamps",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A user, as of now; whatever is unknown may be left out.

    Attributes:
      history_item_ids: Items of the user's last steps, oldest first.
      history_event_types: What was done with each.
      history_queries: The search that led to each, `""` for none.
      history_timestamps: When, Unix seconds.
      timestamp: As of when, Unix seconds.
      query: What is searched for.
      scene: Where in the shop.
      city: Where the user is.
      device: With what.
      gender: As recorded.
      age_band: As recorded.
      level: Membership level.
    """

    history_item_ids: Sequence[str] = ()
    history_event_types: Sequence[str] = ()
    history_queries: Sequence[str] = ()
    history_timestamps: Sequence[int] = ()
    timestamp: int = dataclasses.field(default_factory=lambda: int(time.time()))
    query: str = ""
    scene: str = ""
    city: str = ""
    device: str = ""
    gender: str = ""
    age_band: str = ""
    level: str = ""

    def __post_init__(self):
        """Checks that the parts of the history belong together.

        Raises:
          DataError: They differ in length.
        """
        lengths = {name: len(getattr(self, name)) for name in HISTORY_FIELDS}
        if len(set(lengths.values())) > 1:
            raise DataError(
                "the parts of the history differ in length: "
                + ", ".join(f"{name} {n}" for name, n in lengths.items())
            )


LISTS = ("item_ids", "categories", "brands", "shops", "campaigns")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Only:
    """What alone may come back; all of it has to fit an item.

    Of each list any one has to fit, and an empty list lets everything through.

    Attributes:
      item_ids: One of these.
      categories: In one of these paths, or below: `电脑` or `电脑/外设`.
      brands: Of one of these.
      shops: Sold by one of these.
      campaigns: In one of these campaigns, by their ids.
      min_price: In CNY; an item whose price is unknown fits none.
      max_price: In CNY; None for no limit.
    """

    item_ids: Sequence[str] = ()
    categories: Sequence[str] = ()
    brands: Sequence[str] = ()
    shops: Sequence[str] = ()
    campaigns: Sequence[str] = ()
    min_price: float = 0.0
    max_price: float | None = None

    def __post_init__(self):
        """Checks that something could fit.

        Raises:
          DataError: A list has an empty text, which would let everything
            through, or the prices leave no room.
        """
        for name in LISTS:
            value = getattr(self, name)
            if isinstance(value, str) or "" in value:
                raise DataError(
                    f"only {name} is {value!r}; needed: a list of texts that "
                    "are not empty"
                )
        low, high = self.min_price, self.max_price
        if not low >= 0 or (high is not None and not high >= low):
            raise DataError(
                f"only prices from {low} to {high}; needed: numbers, 0 or "
                "more, the second not below the first"
            )


EVERYTHING = Only()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """How the answer is put together, and whether it gives reasons.

    Attributes:
      diversity: Share of the choice that goes to being unlike what is on the
        page already, the rest to the score; 0 to 1.
      max_per_category: Most items of one category; 0 for any number.
      max_per_brand: Most items of one brand; 0 for any number.
      max_per_shop: Most items of one shop; 0 for any number.
      explain: Give the reason of each item.
    """

    diversity: float = 0.0
    max_per_category: int = 0
    max_per_brand: int = 0
    max_per_shop: int = 0
    explain: bool = False

    def __post_init__(self):
        """Checks the numbers.

        Raises:
          DataError: One is not what it may be.
        """
        if not 0 <= self.diversity <= 1:
            raise DataError(f"diversity is {self.diversity}; needed: 0 to 1")
        for name in ("max_per_category", "max_per_brand", "max_per_shop"):
            value = getattr(self, name)
            if value < 0:
                raise DataError(f"{name} is {value}; needed: 0 or more")


BY_SCORE = Page()
