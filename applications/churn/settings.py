"""Settings of churn: who counts as lost, and what the model learns from."""

import dataclasses

from schema.contract import EVENT_TYPES
from schema.settings import Settings

DAY = 86_400
# What a shop shows is not what a user does.
SIGNS_OF_LIFE = tuple(name for name in EVENT_TYPES if name != "impression")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChurnSettings(Settings):
    """A user who was active and then is not for some days is lost.

    Attributes:
      days: A user without a sign of life for so many days from the as-of time
        on is lost; 1 to 365.
      look_back_days: Only users with a sign of life in so many days before
        the as-of time are asked about; 1 to 730, or 0 for as many as `days`.
      signs_of_life: Event types that show that a user is there.
      step_days: How far apart the as-of times of training are; 1 to 90, or 0
        for a seventh of `days`.
      max_training_cuts: How many as-of times are learned from at most; at
        least 1.
      evaluation_cuts: How many as-of times, `days` apart, are evaluated on;
        at least 1.
      high_risk: Chance from which the risk is high; above `medium_risk`, at
        most 1.
      medium_risk: Chance from which it is medium; above 0.
    """

    days: int = 7
    look_back_days: int = 0
    signs_of_life: tuple[str, ...] = SIGNS_OF_LIFE
    step_days: int = 0
    max_training_cuts: int = 12
    evaluation_cuts: int = 1
    high_risk: float = 0.6
    medium_risk: float = 0.3

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A value is not allowed.
        """
        self.check("days", 1 <= self.days <= 365, "1 to 365")
        self.check(
            "look_back_days", 0 <= self.look_back_days <= 730, "0 to 730"
        )
        self.check("step_days", 0 <= self.step_days <= 90, "0 to 90")
        for field in ("max_training_cuts", "evaluation_cuts"):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        self.check("medium_risk", 0 < self.medium_risk < 1, "between 0 and 1")
        self.check(
            "high_risk",
            self.medium_risk < self.high_risk <= 1,
            f"above medium_risk ({self.medium_risk}), at most 1",
        )
        unknown = set(self.signs_of_life) - set(EVENT_TYPES)
        self.check(
            "signs_of_life",
            bool(self.signs_of_life) and not unknown,
            f"some of {', '.join(EVENT_TYPES)}",
        )

    @property
    def window(self) -> int:
        """Seconds in which a user has to stay away to be lost."""
        return self.days * DAY

    @property
    def look_back(self) -> int:
        """Seconds in which a user must have been there."""
        return (self.look_back_days or self.days) * DAY

    @property
    def step(self) -> int:
        """Seconds between as-of times of training."""
        return (self.step_days or max(self.days // 7, 1)) * DAY
