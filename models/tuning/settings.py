"""Settings of a search for better settings."""

import dataclasses

from models.tuning.space import parse
from schema.settings import Settings

STRATEGIES = ("bayesian", "random")
# Logged by validation: the higher, the better.
OBJECTIVES = {"retrieval": "val_gain", "ranking": "val_ranking"}
# What moved the figures of one data set or another.
SPACE = (
    "model.dimension=32|64|128",
    "model.num_blocks=1|2|3",
    "model.dropout=0.1..0.6",
    "model.gated=true|false",
    "training.learning_rate=0.0003..0.003 log",
    "training.averaging=0|0.98",
    "training.spectral_start=true|false",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TuningSettings(Settings):
    """What is tried, and how long.

    Attributes:
      trials: Trainings at most; >= 1.
      max_seconds: Wall time after which no other begins; 0 for no limit.
      strategy: `bayesian` (Gaussian process) or `random`.
      objective: `retrieval`, the mean of 1 / log2(rank + 1) of held-out
        targets, or `ranking`, the heads' loss on held-out users.
      space: What is tried, a setting each, `model.` or `training.` before its
        name: `model.dimension=32|64` or `training.learning_rate=0.001..0.01`,
        with ` log` behind a range of magnitudes.
      seed: Of the strategy; >= 0.
    """

    trials: int = 20
    max_seconds: float = 0.0
    strategy: str = "bayesian"
    objective: str = "retrieval"
    space: tuple[str, ...] = SPACE
    seed: int = 20

    def __post_init__(self):
        """Checks every field.

        Raises:
          SettingsError: A field has a value that is not allowed.
        """
        self.check("trials", self.trials >= 1, ">= 1")
        self.check("max_seconds", self.max_seconds >= 0, ">= 0")
        self.check(
            "strategy", self.strategy in STRATEGIES, ", ".join(STRATEGIES)
        )
        self.check(
            "objective", self.objective in OBJECTIVES, ", ".join(OBJECTIVES)
        )
        self.check("space", bool(self.space), "at least one setting")
        self.check("seed", self.seed >= 0, ">= 0")
        parse(self.space)
