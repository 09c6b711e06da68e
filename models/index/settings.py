"""Settings of the index, of its training and of its measurement."""

import dataclasses

from schema.settings import Settings

KINDS = ("exact", "blocks", "scann", "auto")


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexSettings(Settings):
    """What the index is, and how good it must be.

    Attributes:
      kind: Which index the servable searches. `exact` and `blocks` run on any
        TensorFlow Serving; `scann` needs a server that has ScaNN's ops; `auto`
        is exact up to `exact_limit` items and blocks above.
      exact_limit: Items up to which `auto` is exact, at least 1.
      block_size: Items in a block, at least 8.
      recall_target: Share of the exact `k` best that must be found, over
        real query vectors, above 0 and at most 1.
      k: How many neighbours recall is measured at, at least 1.
      num_queries: Query vectors that recall is measured on, at least 1.
      max_history: Steps of history a query vector sees, at least 1.
      anisotropic_threshold: ScaNN's weight on errors along the vector, 0 to
        1 (Guo et al. 2020); 0.2 suits vectors of about unit length.
      training_sample_size: Items that partitions and codebooks are trained
        on at most, at least 1.
      brute_force_limit: Items up to which ScaNN scores everything: with so
        few, partitions and codes cost more than they save; at least 0.
      max_reordering: Candidates rescored exactly at most, at least `k`.
      training_threads: Threads that ScaNN trains with; 0 takes all.
    """

    kind: str = "auto"
    exact_limit: int = 50_000
    block_size: int = 64
    recall_target: float = 0.95
    k: int = 100
    num_queries: int = 1_000
    max_history: int = 50
    anisotropic_threshold: float = 0.2
    training_sample_size: int = 250_000
    brute_force_limit: int = 1_000
    max_reordering: int = 2_000
    training_threads: int = 0

    def __post_init__(self):
        self.check("kind", self.kind in KINDS, f"one of {', '.join(KINDS)}")
        for field in (
            "exact_limit",
            "k",
            "num_queries",
            "max_history",
            "training_sample_size",
        ):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        self.check("block_size", self.block_size >= 8, "at least 8")
        self.check(
            "recall_target", 0 < self.recall_target <= 1, "above 0, at most 1"
        )
        self.check(
            "anisotropic_threshold",
            0 <= self.anisotropic_threshold <= 1,
            "0 to 1",
        )
        for field in ("brute_force_limit", "training_threads"):
            self.check(field, getattr(self, field) >= 0, "at least 0")
        self.check(
            "max_reordering",
            self.max_reordering >= self.k,
            f"at least k ({self.k})",
        )

    def resolve_kind(self, num_items: int) -> str:
        """Returns the kind for a catalogue of `num_items`, never `auto`."""
        if self.kind != "auto":
            return self.kind
        return "exact" if num_items <= self.exact_limit else "blocks"
