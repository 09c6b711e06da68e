"""TFX shell of the `Catalogue` node."""

import apache_beam as beam
from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.dsl.component.experimental.annotations import BeamComponentParameter
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from components.artifacts import DataReport
from components.catalogue.pipeline import CataloguePaths, run_catalogue
from components.catalogue.settings import CatalogueSettings

InputArtifact = tfx.dsl.components.InputArtifact
OutputArtifact = tfx.dsl.components.OutputArtifact
Parameter = tfx.dsl.components.Parameter


@tfx.dsl.components.component(use_beam=True)
def Catalogue(  # noqa: N802, PLR0917
    items: InputArtifact[Examples],
    catalogue: OutputArtifact[Examples],
    report: OutputArtifact[DataReport],
    settings: Parameter[str],
    code_digest: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
):
    """Cleans the items table; see `run_catalogue`."""
    del code_digest  # Only there to be part of the cache key.
    options = beam_pipeline.options
    run_catalogue(
        CataloguePaths(
            items=items.uri, catalogue=catalogue.uri, report=report.uri
        ),
        CatalogueSettings.from_json(settings),
        lambda: beam.Pipeline(options=options),
    )
    catalogue.split_names = artifact_utils.encode_split_names(["all"])
    examples_utils.set_payload_format(
        catalogue, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
