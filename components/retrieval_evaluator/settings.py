"""Settings of the `RetrievalEvaluator` node."""

import dataclasses

from models.serving_graph.settings import ServableSettings
from schema.heads import check_choices
from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetrievalEvaluationSettings(Settings):
    """What is evaluated, and among what the baselines may choose.

    Attributes:
      positive_event_types: Types of steps that are to be predicted.
      exclude_seen: Whether items of the history are taken out of every
        ranking.
      max_history: Steps of the history that count, at least 1.
      max_queries: Queries evaluated at most, drawn at random; at least 1.
      ranked_queries: Of those, how many are ranked after retrieval, and asked
        for what is like the last item; at least 1.
      similar_text_weight: Of the servable's `similar`, 0 to 1.
      examples: Users shown with their lists, at least 0.
      validation_share: Share of the training steps, the latest ones, on which
        the baselines choose; above 0, below 1.
      validation_queries: Queries of that part used at most, at least 1.
      half_life_days: Decays of popularity tried; 0 is none.
      shrink: Values of item-kNN's shrinkage tried.
      neighbours: Numbers of neighbours of item-kNN tried.
      half_life_steps: Decays along the history tried; 0 is none.
      repeat: Factors of an item's similarity to itself tried, unless
        `exclude_seen` makes it pointless.
      batch_size: Requests in one call of the model, at least 1.
      chunk_megabytes: Memory of one block of scores, at least 1.
      seed: Of the draws of queries.
    """

    positive_event_types: tuple[str, ...] = (
        "click",
        "favorite",
        "cart",
        "buy",
    )
    exclude_seen: bool = False
    max_history: int = 50
    max_queries: int = 20_000
    ranked_queries: int = 2_000
    similar_text_weight: float = ServableSettings.similar_text_weight
    examples: int = 6
    validation_share: float = 0.1
    validation_queries: int = 1_000
    half_life_days: tuple[float, ...] = (0.0, 30.0, 7.0, 1.0)
    shrink: tuple[float, ...] = (0.0, 10.0, 50.0)
    neighbours: tuple[int, ...] = (50, 200, 800)
    half_life_steps: tuple[float, ...] = (0.0, 5.0, 2.0, 1.0, 0.5)
    repeat: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0)
    batch_size: int = 256
    chunk_megabytes: int = 256
    seed: int = 7

    def __post_init__(self):
        check_choices(self, "positive_event_types")
        for field in (
            "max_history",
            "max_queries",
            "ranked_queries",
            "validation_queries",
            "batch_size",
            "chunk_megabytes",
        ):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        self.check(
            "similar_text_weight", 0 <= self.similar_text_weight <= 1, "0 to 1"
        )
        self.check("examples", self.examples >= 0, "at least 0")
        self.check(
            "validation_share",
            0 < self.validation_share < 1,
            "above 0 and below 1",
        )
        for field in ("half_life_days", "shrink", "half_life_steps", "repeat"):
            values = getattr(self, field)
            self.check(
                field,
                bool(values) and min(values) >= 0,
                "one or more numbers of at least 0",
            )
        self.check(
            "neighbours",
            bool(self.neighbours) and min(self.neighbours) >= 1,
            "one or more numbers of at least 1",
        )
