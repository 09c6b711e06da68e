"""Settings of the servable."""

import dataclasses

from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServableSettings(Settings):
    """How the servable retrieves, blends and answers.

    Attributes:
      retrieve_k: Items that are retrieved to be ranked, and the most that a
        request may ask for, at least 1.
      default_k: Answers where a request does not say, 1 to `retrieve_k`.
      max_history: Steps of history that the model reads, at least 1.
      exclude_seen: Whether items of the history are never recommended.
      search_text_weight: Share of text similarity in the order of `search`,
        the rest is the ranking's, which has learned what a query asks for
        where the log has searches; 0 to 1.
      search_words_weight: What the words of a query add to the similarity of
        texts, a cosine, where an item has all of them; at least 0.
      similar_text_weight: Share of text similarity in `similar`, the rest is
        that of the item vectors; 0 to 1.
      known_queries: Frequent queries whose vectors are kept, so that they are
        not encoded again; at least 0.
      num_warmup: Real users of whom warm-up requests are made, at least 1.
    """

    retrieve_k: int = 200
    default_k: int = 10
    max_history: int = 50
    exclude_seen: bool = False
    search_text_weight: float = 0.7
    search_words_weight: float = 0.1
    similar_text_weight: float = 0.5
    known_queries: int = 2000
    num_warmup: int = 2

    def __post_init__(self):
        for field in ("retrieve_k", "max_history", "num_warmup"):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        self.check(
            "default_k",
            1 <= self.default_k <= self.retrieve_k,
            f"1 to retrieve_k ({self.retrieve_k})",
        )
        for field in ("search_words_weight", "known_queries"):
            self.check(field, getattr(self, field) >= 0, "at least 0")
        for field in ("search_text_weight", "similar_text_weight"):
            self.check(field, 0 <= getattr(self, field) <= 1, "0 to 1")
