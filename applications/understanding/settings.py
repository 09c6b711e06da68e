"""Settings of finding near duplicates."""

import dataclasses

from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class DuplicateSettings(Settings):
    """What makes two items near duplicates.

    Attributes:
      ngram_share: Weight of the characters' cosine beside that of the text
        vectors, 0 to 1.
      threshold: Least similarity, 0 to 1, where nothing could be planted to
        choose it by.
      planted: Duplicates that are made of the catalogue's titles to choose
        the threshold by, at least 0.
      rows: Items that are compared with a block at a time; bounds memory.
      seed: Of what is planted.
    """

    ngram_share: float = 0.6
    threshold: float = 0.85
    planted: int = 200
    rows: int = 1024
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("ngram_share", "threshold"):
            self.check(name, 0 <= getattr(self, name) <= 1, "0 to 1")
        self.check("planted", self.planted >= 0, "at least 0")
        self.check("rows", self.rows >= 1, "at least 1")
