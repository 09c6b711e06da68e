"""Settings of the serving validator."""

import dataclasses

from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServingValidatorSettings(Settings):
    """How the servable is tried.

    Attributes:
      repetitions: Calls a signature whose median is its latency, at least 1.
      tolerance: How far a score may differ between a request alone and the
        same in a batch, above 0; relative for scores beyond 1.
      timeout_seconds: After which the fresh process counts as stuck, above 0.
    """

    repetitions: int = 10
    tolerance: float = 1e-4
    timeout_seconds: float = 900.0

    def __post_init__(self):
        self.check("repetitions", self.repetitions >= 1, "at least 1")
        for field in ("tolerance", "timeout_seconds"):
            self.check(field, getattr(self, field) > 0, "above 0")
