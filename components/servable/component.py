"""The TFX shell of the servable."""

import pathlib

from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components import artifacts
from components.item_index.building import QUERY_SPLITS
from components.servable import building
from models.serving_graph.settings import ServableSettings


@tfx.dsl.components.component
def Servable(  # noqa: N802, PLR0917
    model: tfx.dsl.components.InputArtifact[tfx.types.standard_artifacts.Model],
    index: tfx.dsl.components.InputArtifact[artifacts.ItemIndex],
    catalogue: tfx.dsl.components.InputArtifact[
        tfx.types.standard_artifacts.Examples
    ],
    examples: tfx.dsl.components.InputArtifact[
        tfx.types.standard_artifacts.Examples
    ],
    servable: tfx.dsl.components.OutputArtifact[
        tfx.types.standard_artifacts.Model
    ],
    settings: tfx.dsl.components.Parameter[str],
    code_digest: tfx.dsl.components.Parameter[str],
    campaigns: tfx.dsl.components.InputArtifact[
        tfx.types.standard_artifacts.Examples
    ] = None,
) -> None:
    """Writes the SavedModel that TensorFlow Serving answers with.

    Args:
      model: The trained model.
      index: The index made from it.
      catalogue: Items, for titles, prices and stock.
      examples: Behaviour, for warm-up requests.
      servable: Where the SavedModel is written, as Pusher reads it.
      settings: `ServableSettings` as JSON.
      code_digest: Of the source that runs here.
      campaigns: What each is about; absent where there are none.
    """
    del code_digest
    splits = artifact_utils.decode_split_names(examples.split_names)
    building.build(
        model_dir=pathlib.Path(path_utils.serving_model_path(model.uri)),
        index_dir=pathlib.Path(index.uri),
        catalogue_split=pathlib.Path(
            artifact_utils.get_split_uri([catalogue], "all")
        ),
        behaviour_splits=[
            pathlib.Path(artifact_utils.get_split_uri([examples], split))
            for split in QUERY_SPLITS
            if split in splits
        ],
        folder=pathlib.Path(path_utils.serving_model_dir(servable.uri)),
        settings=ServableSettings.from_json(settings),
        campaigns_split=pathlib.Path(
            artifact_utils.get_split_uri([campaigns], "all")
        )
        if campaigns
        else None,
    )
