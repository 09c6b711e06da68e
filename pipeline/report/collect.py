"""Finds the parts of a local run for its report."""

import pathlib

from pipeline.configs import PipelineConfig
from pipeline.records import NodeRecord
from pipeline.report.build import build
from pipeline.report.results import FAILED, SUCCEEDED, NodeResult, RunResults

# Which output of which node each part of the report is read from.
PARTS = {
    "catalogue_dir": ("Catalogue", "catalogue"),
    "catalogue_report_dir": ("Catalogue", "report"),
    "behavior_report_dir": ("BehaviorLog", "report"),
    "histories_dir": ("BehaviorLog", "histories"),
    "tuning_dir": ("Tuner", "tuner_results"),
    "model_run_dir": ("Trainer", "model_run"),
    "evaluation_dir": ("Evaluator", "evaluation"),
    "retrieval_dir": ("RetrievalEvaluator", "evaluation"),
    "index_dir": ("ItemIndex", "index"),
    "serving_report_dir": ("ServingValidator", "report"),
    "blessing_dir": ("QualityGate", "blessing"),
}


def write_report(
    *,
    run_dir: pathlib.Path,
    config: PipelineConfig,
    records: dict[str, NodeRecord],
    failure: BaseException | None,
    started_at: float,
    seconds: float,
) -> pathlib.Path:
    """Writes `report.json` and `report.html` of what a run reached.

    Args:
      run_dir: Where they are written.
      config: What was run.
      records: Of each node that was started, in that order.
      failure: Why the run stopped; None if it did not.
      started_at: Unix seconds.
      seconds: Wall time of the run.

    Returns:
      The path of `report.json`.
    """
    parts = {
        part: records[node].outputs.get(output)
        for part, (node, output) in PARTS.items()
        if node in records and records[node].state != FAILED
    }
    pushed = {}
    if "Pusher" in records:
        pushed = records["Pusher"].properties.get("pushed_model", {})
    build(
        RunResults(
            run_dir=run_dir,
            preset=config.name,
            dataset=config.title,
            simulated=config.simulated,
            status=SUCCEEDED if failure is None else FAILED,
            failure="" if failure is None else str(failure),
            started_at=started_at,
            seconds=seconds,
            nodes=tuple(
                NodeResult(name=name, state=r.state, seconds=r.seconds)
                for name, r in records.items()
            ),
            servable_path=pushed.get("pushed_destination"),
            servable_version=pushed.get("pushed_version"),
            **parts,
        )
    )
    return run_dir / "report.json"
