"""TFX shells of the nodes `PlanUpdate` and `RecordVersion`."""

from tfx import v1 as tfx
from tfx.types.standard_artifacts import Model, ModelRun, PushedModel
from tfx.utils import path_utils

from components.artifacts import UpdatePlan
from components.update_plan.plan import Plan
from components.update_plan.planning import make_plan
from components.update_plan.records import Record
from components.update_plan.settings import PlanSettings

InputArtifact = tfx.dsl.components.InputArtifact
OutputArtifact = tfx.dsl.components.OutputArtifact
Parameter = tfx.dsl.components.Parameter
# Custom properties that the Pusher leaves.
_VERSION, _PATH = "pushed_version", "pushed_destination"


@tfx.dsl.components.component
def PlanUpdate(  # noqa: N802, PLR0917
    plan: OutputArtifact[UpdatePlan],
    data_dir: Parameter[str],
    records_dir: Parameter[str],
    warm_start: Parameter[str],
    span: Parameter[str],
    settings: Parameter[str],
    code_digest: Parameter[str],
):
    """Finds the last version and what is new; see `make_plan`.

    Never from a cache: what it finds is not among its parameters.

    Args:
      plan: What later nodes do differently.
      data_dir: The contract's tables.
      records_dir: Where `RecordVersion` leaves its files.
      warm_start: As for `make_plan`.
      span: As for `make_plan`.
      settings: `PlanSettings` as JSON.
      code_digest: Hash of the source.
    """
    del code_digest  # Only there to be part of the cache key.
    make_plan(
        data_dir=data_dir,
        records_dir=records_dir,
        warm_start=warm_start,
        span=span,
        folder=plan.uri,
        settings=PlanSettings.from_json(settings),
    )


@tfx.dsl.components.component
def RecordVersion(  # noqa: N802, PLR0917
    pushed_model: InputArtifact[PushedModel],
    model: InputArtifact[Model],
    model_run: InputArtifact[ModelRun],
    plan: InputArtifact[UpdatePlan],
    records_dir: Parameter[str],
    code_digest: Parameter[str],
):
    """Leaves word of the pushed version for the next run.

    Args:
      pushed_model: Of the Pusher; nothing is left where it did not push.
      model: That it was made of.
      model_run: What the Trainer left beside it.
      plan: Which spans it has learned.
      records_dir: Where to write.
      code_digest: Hash of the source.
    """
    del code_digest  # Only there to be part of the cache key.
    version = pushed_model.get_string_custom_property(_VERSION)
    if not version:
        return
    Record(
        version=version,
        path=pushed_model.get_string_custom_property(_PATH),
        model=path_utils.serving_model_path(model.uri),
        model_run=model_run.uri,
        span=Plan.read(plan.uri).learned,
    ).write(records_dir)
