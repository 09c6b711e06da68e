"""What a run is told where it goes on with the last version."""

import dataclasses
import typing

from components.update_plan.settings import PlanSettings
from models.training.update_settings import UpdateSettings

if typing.TYPE_CHECKING:
    from tfx.orchestration.data_types import RuntimeParameter


@dataclasses.dataclass(frozen=True, kw_only=True)
class Update:
    """Where training goes on, and with what.

    Attributes:
      warm_start: Folder of the `model_run` of the version that training goes
        on with; a runtime parameter of one where it is known only when a
        compiled pipeline is submitted.
      last_version: SavedModel of that version, which the gate compares with;
        empty leaves that out.
      settings: How much is learned.
      split_timestamp: Unix seconds; what happens from then on evaluates. 0
        leaves the preset's way to split.
      span: Parquet file of the events that are new, for the drift gate; empty
        leaves it out.
      before: Parquet file of as long a time before them.
    """

    warm_start: "str | RuntimeParameter"
    last_version: str = ""
    settings: UpdateSettings = dataclasses.field(default_factory=UpdateSettings)
    split_timestamp: int = 0
    span: str = ""
    before: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedUpdate:
    """An update whose version and span a node finds when the pipeline runs.

    Attributes:
      records_dir: Where each run leaves word of the version that it pushed.
      plan: What a span may hold.
      settings: How much is learned.
      warm_start: `model_run` of the version to go on with; empty finds the
        newest one that was pushed, `anew` begins without one.
      span: Name of the file of events that is new; empty takes all that have
        come since.
    """

    records_dir: str
    plan: PlanSettings
    settings: UpdateSettings = dataclasses.field(default_factory=UpdateSettings)
    warm_start: "str | RuntimeParameter" = ""
    span: "str | RuntimeParameter" = ""
