"""TFX shell of the `QualityGate` node."""

from tfx import v1 as tfx
from tfx.components.evaluator import constants
from tfx.types.standard_artifacts import ModelBlessing, ModelEvaluation
from tfx.utils import io_utils

from components.artifacts import ItemIndex, RetrievalEvaluation, ServingReport
from components.quality_gate.blessing import ReportFolders, run_gate
from components.quality_gate.settings import GateSettings

InputArtifact = tfx.dsl.components.InputArtifact
OutputArtifact = tfx.dsl.components.OutputArtifact
Parameter = tfx.dsl.components.Parameter


@tfx.dsl.components.component
def QualityGate(  # noqa: N802, PLR0917
    evaluation: InputArtifact[ModelEvaluation],
    retrieval: InputArtifact[RetrievalEvaluation],
    index: InputArtifact[ItemIndex],
    serving: InputArtifact[ServingReport],
    blessing: OutputArtifact[ModelBlessing],
    settings: Parameter[str],
    code_digest: Parameter[str],
):
    """Blesses a model whose reports pass, fails the run otherwise.

    The blessing has the form that TFX's Evaluator gives it, which is what
    Pusher looks for.

    Args:
      evaluation: Of the ranking heads.
      retrieval: Of retrieval.
      index: With its measured recall.
      serving: Of the servable.
      blessing: Blessed, with `gate.json` beside.
      settings: `GateSettings` as JSON.
      code_digest: Hash of the source, part of the cache key.
    """
    del code_digest  # Only there to be part of the cache key.
    run_gate(
        ReportFolders(
            evaluation=evaluation.uri,
            retrieval=retrieval.uri,
            index=index.uri,
            serving=serving.uri,
        ),
        blessing.uri,
        GateSettings.from_json(settings),
    )
    io_utils.write_string_file(
        f"{blessing.uri}/{constants.BLESSED_FILE_NAME}", ""
    )
    blessing.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY, constants.BLESSED_VALUE
    )
