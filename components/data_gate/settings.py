"""Settings of the `DataGate` node."""

import dataclasses
import re

from schema.contract import TABLES
from schema.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataGateSettings(Settings):
    """Which anomalies do not stop a run.

    Attributes:
      allowed_anomalies: Each `table.column` or, to let only one kind pass,
        `table.column:KIND`, with KIND as `AnomalyInfo.Type` of TFDV has it,
        for example `events.query:FEATURE_TYPE_LOW_FRACTION_PRESENT`.
    """

    allowed_anomalies: tuple[str, ...] = ()

    def __post_init__(self):
        tables = "|".join(TABLES)
        self.check(
            "allowed_anomalies",
            all(
                re.fullmatch(rf"({tables})\.[^:]+(:[A-Z0-9_]+)?", allowed)
                for allowed in self.allowed_anomalies
            ),
            f"table.column or table.column:KIND, table one of {tables}",
        )
