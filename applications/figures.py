"""The systems on top of the model: their figures beside their baselines.

Each is measured by a command of its own after the run and written into the
run's report, so that one page shows all of them.
"""

import dataclasses
import json
import pathlib

from pipeline.report.build import write
from schema.errors import DataError

OURS = "daogou"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """One metric, of ours and of what stands beside it.

    Attributes:
      metric: As in `auc` or `ndcg@10`.
      values: By name; ours is `daogou`, in the order in which they are shown.
      part: What part of the data it is of, as in `kind coupon`; all if empty.
      lower_is_better: Whether a small value is a good one.
    """

    metric: str
    values: dict[str, float | None]
    part: str = ""
    lower_is_better: bool = False

    def __post_init__(self) -> None:
        if OURS not in self.values:
            raise ValueError(
                f"values has {sorted(self.values)}; needed: {OURS!r} among them"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SystemFigures:
    """What a system has shown on the data of a run.

    Attributes:
      name: Its key in the report, as in `churn`.
      title: What people call it.
      chinese: The same in Chinese.
      lead: In a sentence, what was asked of it.
      command: Which measures it again.
      figures: Its metrics.
    """

    name: str
    title: str
    chinese: str
    lead: str
    command: str
    figures: tuple[Figure, ...]


def record_system(report_path: pathlib.Path, system: SystemFigures) -> None:
    """Writes a system's figures into a run's report, JSON and HTML.

    What the report says of other systems stays.

    Args:
      report_path: The run's `report.json`.
      system: What was measured.

    Raises:
      DataError: The report is not one of a run.
    """
    try:
        facts = json.loads(report_path.read_text(encoding="utf-8"))
        systems = facts.setdefault("systems", {})
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{report_path} is no report: {error}") from error
    told = dataclasses.asdict(system)
    systems[told.pop("name")] = told
    catalogue = facts.get("catalogue", {}).get("path")
    write(report_path.parent, facts, catalogue)
