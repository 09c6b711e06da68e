"""Settings of profiles: what an event counts, and what is too little."""

import dataclasses

from schema.settings import Settings

DAY = 86_400


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfileSettings(Settings):
    """How traits are read off a log.

    Attributes:
      half_life_days: After so many days an event counts half; above 0.
      prior: How many choices of an average shopper are mixed into everybody's
        own, so that one click makes no favourite; above 0.
      min_choices: With fewer choices (one a visit and category) nothing is
        said of taste; at least 1.
      min_visits: With fewer visits nothing is said of habits; at least 1.
      min_confidence: What is less sure than this is not told; 0.5 to 1.
      max_named: Favourites told of each sort at most; at least 1.
      max_evidence: Events told for each trait at most; at least 1.
      category_levels: To how many levels category paths are cut; at least 1.
    """

    half_life_days: float = 21.0
    prior: float = 8.0
    min_choices: int = 4
    min_visits: int = 3
    min_confidence: float = 0.8
    max_named: int = 3
    max_evidence: int = 3
    category_levels: int = 2

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A value is not allowed.
        """
        for field in ("half_life_days", "prior"):
            value = getattr(self, field)
            self.check(field, 0 < value < float("inf"), "above 0")
        for field in (
            "min_choices",
            "min_visits",
            "max_named",
            "max_evidence",
            "category_levels",
        ):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        self.check(
            "min_confidence", 0.5 <= self.min_confidence < 1, "0.5 to below 1"
        )
