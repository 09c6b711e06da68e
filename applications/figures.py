"""The systems on top of the model: their figures beside their baselines.

Each is measured by a command of its own after the run and written into the
run's report, so that one page shows all of them.
"""

import dataclasses
import json
import pathlib

from pipeline.report import overview
from pipeline.report.build import write
from schema.errors import DataError

OURS = overview.OURS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure:
    """One metric, of ours and of what stands beside it.

    Attributes:
      metric: As in `auc` or `ndcg@10`.
      values: By name; ours is `daogou`, in the order in which they are shown.
      part: What part of the data it is of, as in `kind coupon`; all if empty.
      lower_is_better: Whether a small value is a good one.
      column: Which metric of the table of all systems it is, one of
        `pipeline.report.overview.METRICS`; empty if none. Of several figures
        that name one, the first counts.
    """

    metric: str
    values: dict[str, float | None]
    part: str = ""
    lower_is_better: bool = False
    column: str = ""

    def __post_init__(self) -> None:
        if self.column and self.column not in overview.METRICS:
            raise ValueError(
                f"column is {self.column!r}; allowed: "
                + ", ".join(overview.METRICS)
            )
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


def list_figures(
    told: dict[str, dict[str, float]], part: str = ""
) -> tuple[Figure, ...]:
    """Returns the figures of lists, each a column of the table of all systems.

    Args:
      told: By method, ours among them, figures by names such as `recall@10`;
        those that are no metric of lists are left out.
      part: As in `Figure`.

    >>> list_figures({OURS: {"ndcg@3": 0.5, "interval": []}})[0].column
    'ndcg'
    """
    return tuple(
        Figure(
            metric=name,
            values={method: one.get(name) for method, one in told.items()},
            part=part,
            column=metric,
        )
        for name in told[OURS]
        for metric, _, at in [name.partition("@")]
        if at.isdigit() and metric in overview.LIST_METRICS
    )


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
