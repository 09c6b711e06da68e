"""Settings of purchase intent."""

import dataclasses

from schema.settings import Settings

SEQUENCE_MODELS = ("gru", "transformer")


@dataclasses.dataclass(frozen=True, kw_only=True)
class IntentSettings(Settings):
    """How logs are cleaned, labelled and learned from.

    Attributes:
      sequence_model: What reads the behaviour: `gru` or `transformer`.
      length: Steps of a window, even, 4 to 512; what is learned from a step
        has at least half as many before it, or all there are.
      width: Of the model, a multiple of 4, at least 8.
      num_blocks: Transformer blocks or GRU layers, at least 1.
      dropout: Share dropped, 0 up to 1.
      horizons: Hours within which something is bought, rising.
      days: Within which a browsed item is bought, for the list; at least 1.
      browsed: Items of a user that are asked about, the last ones; at least
        1.
      train_share: Of the log's time that is learned from, above 0 and below
        1; what comes later is evaluated on.
      validation_share: Of the users, whose steps tell when to stop.
      max_events_per_hour: A user with more is a bot; 0 keeps everybody.
      learning_rate: Of Adam; above 0.
      batch_size: Windows a step; at least 1.
      max_epochs: Passes at most; at least 1.
      patience: Passes without a better loss before the training stops.
      max_seconds: Of the training of the sequence model; the pass at the end
        of which it is over is the last.
      seed: Of everything random.
    """

    sequence_model: str = "transformer"
    length: int = 32
    width: int = 64
    num_blocks: int = 1
    dropout: float = 0.4
    horizons: tuple[int, ...] = (1, 24, 168)
    days: int = 3
    browsed: int = 50
    train_share: float = 0.6
    validation_share: float = 0.15
    max_events_per_hour: int = 250
    learning_rate: float = 2e-3
    batch_size: int = 64
    max_epochs: int = 20
    patience: int = 3
    max_seconds: float = 150.0
    seed: int = 1

    def __post_init__(self) -> None:
        self.check(
            "sequence_model",
            self.sequence_model in SEQUENCE_MODELS,
            f"one of {SEQUENCE_MODELS}",
        )
        self.check(
            "length",
            4 <= self.length <= 512 and self.length % 2 == 0,
            "even, 4 to 512",
        )
        self.check(
            "width",
            self.width >= 8 and self.width % 4 == 0,
            "a multiple of 4, at least 8",
        )
        self.check("dropout", 0 <= self.dropout < 1, "0 up to 1")
        rising = all(
            a < b
            for a, b in zip(self.horizons, self.horizons[1:], strict=False)
        )
        self.check(
            "horizons",
            bool(self.horizons) and rising and self.horizons[0] > 0,
            "hours above 0, rising",
        )
        for name in ("train_share", "validation_share"):
            self.check(name, 0 < getattr(self, name) < 1, "above 0 and below 1")
        self.check("max_events_per_hour", self.max_events_per_hour >= 0, ">= 0")
        self.check("learning_rate", self.learning_rate > 0, "above 0")
        self.check("max_seconds", self.max_seconds > 0, "above 0")
        for name in (
            *("num_blocks", "days", "browsed", "batch_size"),
            *("max_epochs", "patience"),
        ):
            self.check(name, getattr(self, name) >= 1, "at least 1")
