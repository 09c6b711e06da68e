"""The checks behind a blessing, as plain functions of finished reports."""

import dataclasses
import math
from collections.abc import Iterator

from components.quality_gate.settings import GateSettings


@dataclasses.dataclass(frozen=True)
class Check:
    """One figure held against its threshold.

    Attributes:
      metric: Full name, as in `ranking.buy.auc`.
      value: What was measured; None where it could not be.
      threshold: What it is held against.
      relation: How: `at least`, `below` or `at most`.
      ok: Whether it passes; true where the check was not made.
      note: What else to know: the two figures of a ratio, or why the check
        was not made.
      made: Whether there was enough data to judge by.
    """

    metric: str
    value: float | None
    threshold: float
    relation: str
    ok: bool
    note: str = ""
    made: bool = True

    def failure(self) -> str:
        """Says what failed in one line."""
        value = "not a number" if self.value is None else f"{self.value:.6g}"
        note = f" ({self.note})" if self.note else ""
        return (
            f"{self.metric} is {value}{note}, "
            f"must be {self.relation} {self.threshold:.6g}"
        )


def checks(
    settings: GateSettings,
    *,
    ranking: dict,
    retrieval: dict,
    index: dict,
    serving: dict,
) -> list[Check]:
    """Holds every figure against its threshold.

    Args:
      settings: The thresholds.
      ranking: Head → slice → figures, from `ranking_metrics.read_ranking`.
      retrieval: `metrics.json` of the RetrievalEvaluation.
      index: `index.json` of the ItemIndex.
      serving: `report.json` of the ServingReport.

    Returns:
      Every check, those that could not be made included.
    """
    return [
        *_retrieval_checks(settings, retrieval),
        *_ranking_checks(settings, ranking),
        *(
            _at_least(
                f"index.{name}",
                index.get(name),
                settings.min_index_recall_at_100,
            )
            for name in ("recall@100", "tail_recall@100")
        ),
        *_serving_checks(settings, serving),
    ]


def message(failed: list[Check], total: int) -> str:
    """Names every failed metric with its value and threshold."""
    count = f"{len(failed)} of {total} checks failed, nothing was pushed"
    return "; ".join([f"quality gate: {count}", *(c.failure() for c in failed)])


def _finite(value) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _at_least(metric, value, threshold, note=""):
    value = _finite(value)
    ok = value is not None and value >= threshold
    return Check(metric, value, threshold, "at least", ok, note)


def _not_made(metric, value, threshold, relation, note):
    return Check(metric, _finite(value), threshold, relation, True, note, False)


def _retrieval_checks(
    settings: GateSettings, retrieval: dict
) -> Iterator[Check]:
    models = {
        name: found["overall"] for name, found in retrieval["models"].items()
    }
    queries = retrieval["queries"]
    compared = [
        ("recall@50", "popularity", settings.min_recall_at_50_over_popularity),
        ("recall@50", "item_knn", settings.min_recall_at_50_over_item_knn),
        ("ndcg@10", "popularity", settings.min_ndcg_at_10_over_popularity),
        ("ndcg@10", "item_knn", settings.min_ndcg_at_10_over_item_knn),
    ]
    if "last_version" in retrieval:
        models["last_version"] = retrieval["last_version"]
        compared += [
            ("recall@50", "last_version", settings.min_recall_at_50_over_last),
            ("ndcg@10", "last_version", settings.min_ndcg_at_10_over_last),
        ]
    for key, baseline, threshold in compared:
        metric = f"retrieval.model.{key} / {baseline}.{key}"
        own = _finite(models["model"][key])
        other = _finite(models[baseline][key])
        if own is None or other is None:
            yield Check(metric, None, threshold, "at least", False)
            continue
        ratio = own / other if other else None
        note = f"{own:.4f} against {other:.4f}"
        if queries < settings.min_queries:
            few = f"{queries} queries, judged from {settings.min_queries} on"
            yield _not_made(metric, ratio, threshold, "at least", few)
        else:
            # A model that finds nothing fails, whatever it is compared with.
            ok = own > 0 and own >= threshold * other
            yield Check(metric, ratio, threshold, "at least", ok, note)


def _ranking_checks(settings: GateSettings, ranking: dict) -> Iterator[Check]:
    for head in sorted(ranking):
        figures = ranking[head]["overall"]
        auc, loss = figures["auc"], _finite(figures["log_loss"])
        prior = figures["prior_log_loss"]
        positives = figures["positives"]
        negatives = figures["examples"] - positives
        limit = settings.max_log_loss_over_prior * (prior or 0.0)
        if min(positives, negatives) < settings.min_positives:
            few = (
                f"{positives} positives and {negatives} negatives, judged "
                f"from {settings.min_positives} of each on"
            )
            yield _not_made(
                f"ranking.{head}.auc", auc, settings.min_auc, "at least", few
            )
            yield _not_made(
                f"ranking.{head}.log_loss", loss, limit, "below", few
            )
            continue
        yield _at_least(f"ranking.{head}.auc", auc, settings.min_auc)
        yield Check(
            f"ranking.{head}.log_loss",
            loss,
            limit,
            "below",
            loss is not None and loss < limit,
            f"saying the mean label always costs {prior:.6g}",
        )


def _serving_checks(settings: GateSettings, serving: dict) -> Iterator[Check]:
    limit = settings.max_milliseconds
    if not limit:
        return
    for name, signature in sorted(serving["signatures"].items()):
        value = _finite(signature["milliseconds"])
        yield Check(
            f"serving.{name}.milliseconds",
            value,
            limit,
            "at most",
            value is not None and value <= limit,
        )
