"""TFX shell of the `ItemUnderstanding` node."""

from tfx import v1 as tfx
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples

from components.artifacts import DataReport
from components.catalogue.settings import CatalogueSettings
from components.item_understanding.filling import (
    ItemUnderstandingPaths,
    run_item_understanding,
)
from components.item_understanding.settings import ItemUnderstandingSettings

InputArtifact = tfx.dsl.components.InputArtifact
OutputArtifact = tfx.dsl.components.OutputArtifact
Parameter = tfx.dsl.components.Parameter


@tfx.dsl.components.component
def ItemUnderstanding(  # noqa: N802, PLR0917
    catalogue: InputArtifact[Examples],
    understood: OutputArtifact[Examples],
    report: OutputArtifact[DataReport],
    settings: Parameter[str],
    cleaning: Parameter[str],
    code_digest: Parameter[str],
):
    """Fills missing categories in; see `run_item_understanding`.

    Args:
      catalogue: Of the node `Catalogue`.
      understood: The same items, some with a category that is inferred.
      report: Counts, and how often such a category is right.
      settings: `ItemUnderstandingSettings` as JSON.
      cleaning: `CatalogueSettings` as JSON, by which texts were made.
      code_digest: Hash of the source, part of the cache key.
    """
    del code_digest  # Only there to be part of the cache key.
    run_item_understanding(
        ItemUnderstandingPaths(
            catalogue=catalogue.uri,
            understood=understood.uri,
            report=report.uri,
        ),
        ItemUnderstandingSettings.from_json(settings),
        CatalogueSettings.from_json(cleaning).max_text_characters,
    )
    understood.split_names = artifact_utils.encode_split_names(["all"])
    examples_utils.set_payload_format(
        understood, example_gen_pb2.PayloadFormat.FORMAT_TF_EXAMPLE
    )
