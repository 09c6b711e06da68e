"""TFX shell of the `DataGate` node."""

from tfx import v1 as tfx
from tfx.types.standard_artifacts import ExampleAnomalies

from components.data_gate.drift import Compared, drift
from components.data_gate.gate import check_tables
from components.data_gate.settings import DataGateSettings

InputArtifact = tfx.dsl.components.InputArtifact
Parameter = tfx.dsl.components.Parameter


@tfx.dsl.components.component
def DataGate(  # noqa: N802, PLR0917
    events: InputArtifact[ExampleAnomalies],
    items: InputArtifact[ExampleAnomalies],
    settings: Parameter[str],
    code_digest: Parameter[str],
    users: InputArtifact[ExampleAnomalies] = None,
    campaigns: InputArtifact[ExampleAnomalies] = None,
    compared: Parameter[str] = "[]",
):
    """Fails the run on anomalies of severity ERROR; see `check_tables`.

    Args:
      events: What is wrong with each table.
      items: The same.
      settings: `DataGateSettings` as JSON.
      code_digest: Hash of the source, part of the cache key.
      users: The same.
      campaigns: The same.
      compared: Spans to be held against the time before them, as JSON that
        `Compared.from_json` reads.
    """
    del code_digest  # Only there to be part of the cache key.
    given = {
        "events": events,
        "items": items,
        "users": users,
        "campaigns": campaigns,
    }
    check_tables(
        {table: found.uri for table, found in given.items() if found},
        DataGateSettings.from_json(settings),
        [
            anomaly
            for pair in Compared.from_json(compared)
            for anomaly in drift(pair)
        ],
    )
