"""Settings of a training that goes on with the last version."""

import dataclasses

from models.settings import TrainingSettings
from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdateSettings(Settings):
    """How a model learns a new span of logs.

    Attributes:
      epochs: Passes of the towers over what is new and replayed; >= 1.
      ranking_epochs: The same of the ranking heads; >= 1.
      pace: Learning rate, as a share of a whole training's; above 0, at
        most 1.
      warmup_steps: Steps to the peak; >= 0.
      replay: Old sequences, and old impressions, drawn beside each new one,
        against forgetting; >= 0.
    """

    epochs: int = 4
    ranking_epochs: int = 1
    pace: float = 1.0
    warmup_steps: int = 10
    replay: float = 1.0

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A field has a value that is not allowed.
        """
        for field in ("epochs", "ranking_epochs"):
            self.check(field, getattr(self, field) >= 1, ">= 1")
        self.check("pace", 0 < self.pace <= 1, "above 0, at most 1")
        for field in ("warmup_steps", "replay"):
            self.check(field, getattr(self, field) >= 0, ">= 0")

    def of(self, training: TrainingSettings) -> TrainingSettings:
        """Returns a whole training's settings, as an update takes them.

        It takes minutes: on one device, and without checkpoints.
        """
        return dataclasses.replace(
            training,
            catch_up_epochs=self.epochs,
            ranking_epochs=self.ranking_epochs,
            learning_rate=self.pace * training.learning_rate,
            warmup_steps=self.warmup_steps,
            spectral_start=False,
            strategy="default",
            own_files=False,
            checkpoint_every=0,
        )
