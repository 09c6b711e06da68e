"""Settings of how leaf categories are learned."""

import dataclasses

from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierSettings(Settings):
    """How leaf categories are learned.

    Attributes:
      longest_ngram: Characters of the longest n-gram, 1 to 5; all from 1 on
        are read.
      buckets: N-grams are hashed into these; at least 64.
      fewest: Texts that must have an n-gram for it to be learned; at least 1.
      most_ngrams: That are learned, the most frequent ones; at least 64.
      description_share: Share of the items whose description is read in a
        pass, 0 to 1; the others are told from their title alone, as many are
        that come later.
      learning_rate: Of Adam; above 0.
      batch_size: Items a step; at least 1.
      max_epochs: Passes over the items at most; at least 1.
      patience: Passes without a better loss on items held out before the
        training stops; at least 1.
      validation_share: Of the items, held out for stopping and calibration;
        above 0 and below 1.
      seed: Of everything random.
    """

    longest_ngram: int = 3
    buckets: int = 1_048_576
    fewest: int = 2
    most_ngrams: int = 60_000
    description_share: float = 0.3
    learning_rate: float = 0.02
    batch_size: int = 256
    max_epochs: int = 25
    patience: int = 3
    validation_share: float = 0.1
    seed: int = 1

    def __post_init__(self) -> None:
        self.check("longest_ngram", 1 <= self.longest_ngram <= 5, "1 to 5")
        self.check("buckets", self.buckets >= 64, "at least 64")
        self.check("most_ngrams", self.most_ngrams >= 64, "at least 64")
        self.check(
            "description_share", 0 <= self.description_share <= 1, "0 to 1"
        )
        self.check("learning_rate", self.learning_rate > 0, "above 0")
        for name in ("fewest", "batch_size", "max_epochs", "patience"):
            self.check(name, getattr(self, name) >= 1, "at least 1")
        self.check(
            "validation_share",
            0 < self.validation_share < 1,
            "above 0 and below 1",
        )
