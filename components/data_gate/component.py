"""TFX shell of the `DataGate` node."""

from tfx import v1 as tfx
from tfx.types.standard_artifacts import ExampleAnomalies

from components.artifacts import UpdatePlan
from components.data_gate.drift import Compared, drift
from components.data_gate.gate import check_tables
from components.data_gate.settings import DataGateSettings
from components.update_plan.plan import Plan

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
    plan: InputArtifact[UpdatePlan] = None,
    compared: Parameter[str] = "[]",
    events_schema: Parameter[str] = "",
):
    """Fails the run on anomalies of severity ERROR; see `check_tables`.

    Args:
      events: What is wrong with each table.
      items: The same.
      settings: `DataGateSettings` as JSON.
      code_digest: Hash of the source, part of the cache key.
      users: The same.
      campaigns: The same.
      plan: Names the span, where it is found when the pipeline runs.
      compared: Spans to be held against the time before them, as JSON that
        `Compared.from_json` reads.
      events_schema: File of the events' schema, where there is a plan.
    """
    del code_digest  # Only there to be part of the cache key.
    given = {
        "events": events,
        "items": items,
        "users": users,
        "campaigns": campaigns,
    }
    pairs = Compared.from_json(compared)
    if plan:
        pairs += Compared.of_plan(Plan.read(plan.uri), events_schema)
    check_tables(
        {table: found.uri for table, found in given.items() if found},
        DataGateSettings.from_json(settings),
        [anomaly for pair in pairs for anomaly in drift(pair)],
    )
