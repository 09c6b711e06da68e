"""TFX shell of the `TextEmbedding` node."""

import apache_beam as beam
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import BeamComponentParameter
from tfx.types.standard_artifacts import Examples

from components.artifacts import Queries, TextVectors
from components.text_embedding.pipeline import (
    TextEmbeddingPaths,
    run_text_embedding,
)
from models.text.settings import TextSettings

InputArtifact = tfx.dsl.components.InputArtifact
OutputArtifact = tfx.dsl.components.OutputArtifact
Parameter = tfx.dsl.components.Parameter


@tfx.dsl.components.component(use_beam=True)
def TextEmbedding(  # noqa: N802, PLR0917
    catalogue: InputArtifact[Examples],
    queries: InputArtifact[Queries],
    text_vectors: OutputArtifact[TextVectors],
    settings: Parameter[str],
    code_digest: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
):
    """Encodes item texts and queries; see `run_text_embedding`."""
    del code_digest  # Only there to be part of the cache key.
    run_text_embedding(
        TextEmbeddingPaths(
            catalogue=catalogue.uri,
            queries=queries.uri,
            text_vectors=text_vectors.uri,
        ),
        TextSettings.from_json(settings),
        beam_pipeline,
    )
