"""Gathers the figures of a run into what `report.json` holds."""

import json
import os
import pathlib

from pipeline.report.results import RunResults

BASELINES = ("popularity", "item_knn")
METHODS = ("model", *BASELINES)


def collect(results: RunResults) -> dict:
    """Reads the parts that the run reached.

    Args:
      results: Where they are.

    Returns:
      What `report.json` holds; a part that was not reached is absent.
    """
    facts = {
        "preset": results.preset,
        "dataset": results.dataset,
        "simulated": results.simulated,
        "status": results.status,
        "failure": results.failure,
        "started_at": int(results.started_at),
        "total_seconds": round(results.seconds, 1),
        "seconds": {n.name: round(n.seconds, 2) for n in results.nodes},
        "nodes": {n.name: n.state for n in results.nodes},
        "counts": _counts(results),
    }
    if metrics := read_json(results.retrieval_dir, "metrics.json"):
        models = metrics["models"]
        facts["retrieval"] = {m: models[m]["overall"] for m in METHODS}
        facts["retrieval_intervals"] = {
            m: models[m].get("intervals", {}) for m in METHODS
        }
        facts["ranked"] = metrics.get("ranked", {})
        facts["similar"] = metrics.get("similar", {})
        facts["retrieval_leads"] = metrics.get("leads", {})
        facts["retrieval_slices"] = {m: models[m]["slices"] for m in METHODS}
        facts["retrieval_queries"] = metrics["queries"]
        facts["retrieval_left_out"] = metrics.get("left_out", {})
        facts["baselines"] = {
            name: metrics.get("baselines", {}).get(name, {})
            for name in BASELINES
        }
    facts |= _ranking(results.evaluation_dir)
    if index := read_json(results.index_dir, "index.json"):
        facts["index"] = index
    if gate := read_json(results.blessing_dir, "gate.json"):
        facts["gate"] = gate
    if trials := read_json(results.tuning_dir, "tuner_results.json"):
        # The best first.
        facts["tuning"] = trials
    if history := read_json(results.model_run_dir, "history.json"):
        facts["training"] = history
    if examples := read_json(results.retrieval_dir, "examples.json"):
        facts["examples"] = examples
    serving = read_json(results.serving_report_dir, "report.json") or {}
    if results.servable_path or serving:
        facts["servable"] = {
            "path": results.servable_path or "",
            "version": results.servable_version or "",
            **serving,
        }
    if results.histories_dir:
        path = os.path.join(results.histories_dir, "histories.parquet")
        facts["histories"] = {"path": path}
    if results.catalogue_dir:
        facts["catalogue"] = {"path": results.catalogue_dir}
    return facts


def read_json(folder: str | None, name: str):
    """Returns what a JSON file holds, None where it is not there."""
    if folder is None:
        return None
    path = pathlib.Path(folder, name)
    if not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def _counts(results):
    behavior = read_json(results.behavior_report_dir, "report.json") or {}
    catalogue = read_json(results.catalogue_report_dir, "report.json") or {}
    counts = dict(behavior)
    if "items" in catalogue:
        counts["items"] = catalogue["items"]
        counts["items_quarantined_by_reason"] = catalogue.get(
            "quarantined_by_reason", {}
        )
    understood = read_json(results.understanding_report_dir, "report.json")
    if understood:
        counts["categories"] = understood["categories"]
    return counts


def _ranking(evaluation_dir):
    if evaluation_dir is None or not os.path.isdir(evaluation_dir):
        return {}
    if not os.listdir(evaluation_dir):
        return {}
    # TFMA takes seconds to import, so only where there is something to read.
    from components.quality_gate import ranking_metrics

    ranking = ranking_metrics.read_ranking(evaluation_dir)
    overall = ranking_metrics.OVERALL
    return {
        "ranking": {head: slices[overall] for head, slices in ranking.items()},
        "ranking_slices": {
            head: {k: v for k, v in sorted(slices.items()) if k != overall}
            for head, slices in ranking.items()
        },
        "calibration": ranking_metrics.read_calibration(evaluation_dir),
    }
