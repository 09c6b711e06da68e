"""The TFX shell of the index."""

import pathlib

from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components import artifacts
from components.item_index import building
from models.index.settings import IndexSettings


@tfx.dsl.components.component
def ItemIndex(  # noqa: N802
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    examples: tfx.dsl.components.InputArtifact[
        tfx.types.standard_artifacts.Examples
    ],
    index: tfx.dsl.components.OutputArtifact[artifacts.ItemIndex],
    settings: tfx.dsl.components.Parameter[str],
    code_digest: tfx.dsl.components.Parameter[str],
) -> None:
    """Trains ScaNN on the model's item vectors and measures its recall.

    Args:
      model: The trained model.
      examples: Behaviour, for query vectors.
      index: Where the index is written.
      settings: `IndexSettings` as JSON.
      code_digest: Of the source that runs here.
    """
    del code_digest
    splits = artifact_utils.decode_split_names(examples.split_names)
    facts = building.build(
        pathlib.Path(path_utils.serving_model_path(model.uri)),
        [
            pathlib.Path(artifact_utils.get_split_uri([examples], split))
            for split in building.QUERY_SPLITS
            if split in splits
        ],
        pathlib.Path(index.uri),
        IndexSettings.from_json(settings),
    )
    index.set_int_custom_property("items", facts["items"])
