"""TFX shell of the `BehaviorLog` node."""

import apache_beam as beam
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import BeamComponentParameter
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from components.artifacts import DataReport, Queries, UserHistories
from components.behavior_log.pipeline import (
    BehaviorLogPaths,
    run_behavior_log,
)
from components.behavior_log.settings import BehaviorLogSettings
from components.behavior_log.stages import SPLITS

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
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
):
    """Makes examples of the log; see `run_behavior_log`."""
    del code_digest  # Only there to be part of the cache key.
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
        BehaviorLogSettings.from_json(settings),
        lambda: beam.Pipeline(options=options),
    )
    examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
    examples_utils.set_payload_format(
        examples, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
