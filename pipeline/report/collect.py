"""Finds the parts of a local run for its report."""

import pathlib

from pipeline.configs import PipelineConfig
from pipeline.records import NodeRecord
from pipeline.report.build import build
from pipeline.report.results import FAILED, SUCCEEDED, NodeResult, RunResults

# Where the items of a run are; the last that is there has what models read.
CATALOGUES = (
    ("Catalogue", "catalogue"),
    ("ItemUnderstanding", "understood"),
)
# Which output of which node each part of the report is read from.
PARTS = {
    "catalogue_report_dir": ("Catalogue", "report"),
    "understanding_report_dir": ("ItemUnderstanding", "report"),
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


def catalogue_dir(records: dict[str, NodeRecord]) -> str | None:
    """Returns where the items are that models read, None without any."""
    found = [_made(records, node, output) for node, output in CATALOGUES]
    return next(filter(None, reversed(found)), None)


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
        part: made
        for part, (node, output) in PARTS.items()
        if (made := _made(records, node, output))
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
            catalogue_dir=catalogue_dir(records),
            servable_path=pushed.get("pushed_destination"),
            servable_version=pushed.get("pushed_version"),
            **parts,
        )
    )
    return run_dir / "report.json"


def _made(records, node, output) -> str | None:
    """Returns the folder of an output of a node that has not failed."""
    if node not in records or records[node].state == FAILED:
        return None
    return records[node].outputs.get(output)
