"""Settings of the `ItemUnderstanding` node."""

import dataclasses

from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class ItemUnderstandingSettings(Settings):
    """When a category that is missing is filled in.

    Attributes:
      precision: Share of what is filled in that is to be right, above 0 and
        below 1; what is less sure stays unknown.
      least_chance: Of a category that is filled in, 0 to 1, however precise
        less would be on the whole.
      held_out_share: Of the items whose category is known, held out of the
        learning to measure that by; above 0, at most 0.5.
      min_items: Items whose category is known from which on any are learned
        from; at least 20.
      max_items: Most that are read of them, drawn by a hash of their ids;
        bounds memory and time; not below `min_items`.
      max_weights: Most that are learned, n-grams × leaves; at least 128.
      seed: Of what is held out and of the learning.
    """

    precision: float = 0.9
    least_chance: float = 0.5
    held_out_share: float = 0.2
    min_items: int = 200
    max_items: int = 100_000
    max_weights: int = 20_000_000
    seed: int = 1

    def __post_init__(self) -> None:
        self.check("precision", 0 < self.precision < 1, "above 0 and below 1")
        self.check("least_chance", 0 <= self.least_chance <= 1, "0 to 1")
        self.check(
            "held_out_share",
            0 < self.held_out_share <= 0.5,
            "above 0, at most 0.5",
        )
        self.check("min_items", self.min_items >= 20, "at least 20")
        self.check(
            "max_items",
            self.max_items >= self.min_items,
            f"at least min_items, which is {self.min_items}",
        )
        self.check("max_weights", self.max_weights >= 128, "at least 128")
