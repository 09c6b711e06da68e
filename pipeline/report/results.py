"""What a run hands to its report."""

import dataclasses
import pathlib
import time

RUN, CACHED, FAILED = "run", "cached", "failed"
SUCCEEDED = "succeeded"


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeResult:
    """How one node ended.

    Attributes:
      name: Of the node.
      state: `run`, `cached` or `failed`.
      seconds: Wall time.
    """

    name: str
    state: str
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunResults:
    """Where a run left its parts; `None` for a part it did not reach.

    Attributes:
      run_dir: Where `report.json` and `report.html` are written.
      preset: Name of the preset.
      dataset: What people call the data.
      simulated: Whether the data was made up.
      status: `succeeded` or `failed`.
      failure: What went wrong, for people; empty where nothing did.
      started_at: Unix seconds.
      seconds: Wall time of the whole run.
      nodes: In the order in which they ran.
      catalogue_dir: Examples of the items, as models read them.
      catalogue_report_dir: DataReport of `Catalogue`.
      understanding_report_dir: DataReport of `ItemUnderstanding`.
      behavior_report_dir: DataReport of `BehaviorLog`.
      histories_dir: UserHistories.
      tuning_dir: TunerResults, with `tuner_results.json`.
      model_run_dir: The Trainer's, with `history.json`.
      evaluation_dir: The Evaluator's (TFMA).
      retrieval_dir: RetrievalEvaluation.
      index_dir: ItemIndex.
      serving_report_dir: ServingReport.
      blessing_dir: ModelBlessing, with `gate.json`.
      servable_path: Folder of the pushed version.
      servable_version: Its name.
    """

    run_dir: pathlib.Path
    preset: str
    dataset: str
    simulated: bool
    status: str = SUCCEEDED
    failure: str = ""
    started_at: float = dataclasses.field(default_factory=time.time)
    seconds: float = 0.0
    nodes: tuple[NodeResult, ...] = ()
    catalogue_dir: str | None = None
    catalogue_report_dir: str | None = None
    understanding_report_dir: str | None = None
    behavior_report_dir: str | None = None
    histories_dir: str | None = None
    tuning_dir: str | None = None
    model_run_dir: str | None = None
    evaluation_dir: str | None = None
    retrieval_dir: str | None = None
    index_dir: str | None = None
    serving_report_dir: str | None = None
    blessing_dir: str | None = None
    servable_path: str | None = None
    servable_version: str | None = None
