"""TFX shell of the `RetrievalEvaluator` node."""

from tfx import v1 as tfx
from tfx.types.standard_artifacts import Examples, Model
from tfx.utils import path_utils

from components.artifacts import RetrievalEvaluation, UpdatePlan
from components.retrieval_evaluator.evaluator import run_evaluation
from components.retrieval_evaluator.settings import RetrievalEvaluationSettings
from components.update_plan.plan import Plan

InputArtifact = tfx.dsl.components.InputArtifact
OutputArtifact = tfx.dsl.components.OutputArtifact
Parameter = tfx.dsl.components.Parameter


@tfx.dsl.components.component
def RetrievalEvaluator(  # noqa: N802, PLR0917
    model: InputArtifact[Model],
    examples: InputArtifact[Examples],
    evaluation: OutputArtifact[RetrievalEvaluation],
    settings: Parameter[str],
    code_digest: Parameter[str],
    plan: InputArtifact[UpdatePlan] = None,
    last_version: Parameter[str] = "",
):
    """Ranks the whole catalogue for held-out queries; see `run_evaluation`.

    Args:
      model: The trained model.
      examples: Raw behaviour examples.
      evaluation: Metrics of the model beside its baselines.
      settings: `RetrievalEvaluationSettings` as JSON.
      code_digest: Hash of the source, part of the cache key.
      plan: Names the last version, where it is found when the pipeline runs.
      last_version: SavedModel of the version that training went on with, or
        nothing.
    """
    del code_digest  # Only there to be part of the cache key.
    run_evaluation(
        path_utils.serving_model_path(model.uri),
        examples.uri,
        evaluation.uri,
        RetrievalEvaluationSettings.from_json(settings),
        Plan.read(plan.uri).last_version if plan else last_version,
    )
