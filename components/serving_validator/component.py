"""The TFX shell of the serving validator."""

import pathlib

from tfx import v1 as tfx
from tfx.utils import path_utils

from components import artifacts
from components.serving_validator import validation
from components.serving_validator.settings import ServingValidatorSettings


@tfx.dsl.components.component
def ServingValidator(  # noqa: N802
    servable: tfx.dsl.components.InputArtifact[
        tfx.types.standard_artifacts.Model
    ],
    report: tfx.dsl.components.OutputArtifact[artifacts.ServingReport],
    settings: tfx.dsl.components.Parameter[str],
    code_digest: tfx.dsl.components.Parameter[str],
) -> None:
    """Loads the servable in a fresh process and calls every signature.

    Args:
      servable: What `Servable` wrote.
      report: Where `report.json` is written.
      settings: `ServingValidatorSettings` as JSON.
      code_digest: Of the source that runs here.
    """
    del code_digest
    validation.validate(
        pathlib.Path(path_utils.serving_model_path(servable.uri)),
        pathlib.Path(report.uri),
        ServingValidatorSettings.from_json(settings),
    )
