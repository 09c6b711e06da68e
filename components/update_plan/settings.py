"""Settings of the `PlanUpdate` node."""

import dataclasses

from schema.heads import check_choices
from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlanSettings(Settings):
    """What a span may hold, and what of it evaluates.

    Attributes:
      positive_event_types: Types of events that are targets.
      late_days: How long before the newest event of the other files an event
        of the span may have happened; older ones are refused. At least 0.
      eval_share: Share of the span's latest targets that is left out of
        training and evaluates; above 0, below 1.
      allow_drift: Whether the span may differ from the time before it by
        more than the schema allows.
    """

    positive_event_types: tuple[str, ...]
    late_days: float = 7.0
    eval_share: float = 0.2
    allow_drift: bool = False

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A field has a value that is not allowed.
        """
        check_choices(self, "positive_event_types")
        self.check("late_days", self.late_days >= 0, ">= 0")
        self.check("eval_share", 0 < self.eval_share < 1, "(0, 1)")
