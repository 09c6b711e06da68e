"""Settings of the `Catalogue` node."""

import dataclasses

from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class CatalogueSettings(Settings):
    """How items are cleaned.

    Attributes:
      num_shards: Into how many parts the items are cut by a hash of their id,
        and how many files are written; memory is that of one part. 1 to 9999.
      max_title_characters: Longer titles are quarantined; at least 1.
      max_text_characters: Where `text` is cut; at least 1.
    """

    num_shards: int = 4
    max_title_characters: int = 10_000
    max_text_characters: int = 512

    def __post_init__(self):
        self.check("num_shards", 1 <= self.num_shards <= 9999, "1 to 9999")
        for field in ("max_title_characters", "max_text_characters"):
            self.check(field, getattr(self, field) >= 1, "at least 1")
