"""Thresholds of the `QualityGate` node."""

import dataclasses

from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class GateSettings(Settings):
    """What has to be reached before a version is pushed.

    Ratios compare the model with a baseline on the same queries. A check that
    has too little data under it is listed as not made and stops nothing.

    Attributes:
      min_recall_at_50_over_popularity: Ratio, at least 0.
      min_recall_at_50_over_item_knn: Ratio, at least 0.
      min_ndcg_at_10_over_popularity: Ratio, at least 0.
      min_ndcg_at_10_over_item_knn: Ratio, at least 0.
      min_recall_at_50_over_last: Ratio to the version that an update went on
        with, on the update's span; at least 0.
      min_ndcg_at_10_over_last: The same; at least 0.
      min_queries: Queries from which on retrieval is judged, at least 1.
      min_auc: Of each ranking head, 0 to 1.
      max_log_loss_over_prior: Ratio of each head's log loss to that of
        saying the mean label always, above 0; the value must stay below it.
      min_positives: Positives from which on a head is judged, at least 1.
      min_index_recall_at_100: Share of the exact first hundred that the index
        finds, of all and of those of the long tail, 0 to 1.
      max_milliseconds: Median latency of any signature; 0 does not check.
    """

    min_recall_at_50_over_popularity: float = 1.05
    min_recall_at_50_over_item_knn: float = 1.0
    min_ndcg_at_10_over_popularity: float = 1.05
    min_ndcg_at_10_over_item_knn: float = 1.0
    min_recall_at_50_over_last: float = 0.95
    min_ndcg_at_10_over_last: float = 0.95
    min_queries: int = 100
    min_auc: float = 0.55
    max_log_loss_over_prior: float = 1.0
    min_positives: int = 50
    min_index_recall_at_100: float = 0.95
    max_milliseconds: float = 0.0

    def __post_init__(self):
        for field in (
            "min_recall_at_50_over_popularity",
            "min_recall_at_50_over_item_knn",
            "min_ndcg_at_10_over_popularity",
            "min_ndcg_at_10_over_item_knn",
            "min_recall_at_50_over_last",
            "min_ndcg_at_10_over_last",
            "max_milliseconds",
        ):
            self.check(field, getattr(self, field) >= 0, "at least 0")
        for field in ("min_queries", "min_positives"):
            self.check(field, getattr(self, field) >= 1, "at least 1")
        for field in ("min_auc", "min_index_recall_at_100"):
            self.check(field, 0 <= getattr(self, field) <= 1, "0 to 1")
        self.check(
            "max_log_loss_over_prior",
            self.max_log_loss_over_prior > 0,
            "above 0",
        )
