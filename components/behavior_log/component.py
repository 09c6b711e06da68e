"""TFX shell of the `BehaviorLog` node."""

import apache_beam as beam
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import BeamComponentParameter
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from components.artifacts import (
    DataReport,
    Queries,
    UpdatePlan,
    UserHistories,
)
from components.behavior_log.pipeline import (
    BehaviorLogPaths,
    run_behavior_log,
)
from components.behavior_log.settings import BehaviorLogSettings, split_by
from components.behavior_log.stages import SPLITS
from components.update_plan.plan import Plan

InputArtifact = tfx.dsl.components.InputArtifact
OutputArtifact = tfx.dsl.components.OutputArtifact
Parameter = tfx.dsl.components.Parameter


@tfx.dsl.components.component(use_beam=True)
def BehaviorLog(  # noqa: N802, PLR0917
    events: InputArtifact[Examples],
    catalogue: InputArtifact[Examples],
    examples: OutputArtifact[Examples],
    histories: OutputArtifact[UserHistories],
    queries: OutputArtifact[Queries],
    report: OutputArtifact[DataReport],
    settings: Parameter[str],
    code_digest: Parameter[str],
    users: InputArtifact[Examples] = None,
    plan: InputArtifact[UpdatePlan] = None,
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
):
    """Makes examples of the log; see `run_behavior_log`.

    An update's plan says from when on events evaluate.
    """
    del code_digest  # Only there to be part of the cache key.
    rules = BehaviorLogSettings.from_json(settings)
    if plan:
        rules = split_by(rules, Plan.read(plan.uri).split_timestamp)
    options = beam_pipeline.options
    run_behavior_log(
        BehaviorLogPaths(
            events=events.uri,
            catalogue=catalogue.uri,
            users=users.uri if users else "",
            examples=examples.uri,
            histories=histories.uri,
            queries=queries.uri,
            report=report.uri,
        ),
        rules,
        lambda: beam.Pipeline(options=options),
    )
    examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
    examples_utils.set_payload_format(
        examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
