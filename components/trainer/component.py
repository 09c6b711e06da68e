"""TFX's Trainer, extended by transformed items and text vectors."""

from typing import Any

from tfx import types
from tfx.components import Trainer
from tfx.components.trainer import executor
from tfx.dsl.components.base import executor_spec
from tfx.orchestration import data_types
from tfx.proto import trainer_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter
from tfx.utils import json_utils

from components.artifacts import TextVectors, UpdatePlan
from components.update_plan.plan import Plan

# Parameter and key of `custom_config`: the last version's `model_run`.
WARM_START_KEY = "warm_start"
UPDATE_PLAN_KEY = "update_plan"
ITEM_TRANSFORM_GRAPH_KEY = "item_transform_graph"
TRANSFORMED_ITEMS_KEY = "transformed_items"
TEXT_VECTORS_KEY = "text_vectors"
# `examples` has splits that TrainArgs does not name.
TRANSFORMED_EXAMPLES_KEY = "transformed_examples"

# Keys of `fn_args.custom_config` that hold an input's folder.
FOLDERS = {
    TRANSFORMED_EXAMPLES_KEY: specs.EXAMPLES_KEY,
    ITEM_TRANSFORM_GRAPH_KEY: ITEM_TRANSFORM_GRAPH_KEY,
    TRANSFORMED_ITEMS_KEY: TRANSFORMED_ITEMS_KEY,
    TEXT_VECTORS_KEY: TEXT_VECTORS_KEY,
}


# Inputs that TFX's Trainer and Tuner do not have.
INPUTS = {
    ITEM_TRANSFORM_GRAPH_KEY: ChannelParameter(
        type=standard_artifacts.TransformGraph
    ),
    TRANSFORMED_ITEMS_KEY: ChannelParameter(type=standard_artifacts.Examples),
    TEXT_VECTORS_KEY: ChannelParameter(type=TextVectors),
}


def folders_of(input_dict: dict[str, list[types.Artifact]]) -> dict[str, str]:
    """Returns the folder of each input by its key of `FOLDERS`."""
    return {
        key: artifact_utils.get_single_uri(input_dict[source])
        for key, source in FOLDERS.items()
    }


class RecommenderTrainerSpec(specs.TrainerSpec):
    """The Trainer's specification with three more inputs and a path."""

    INPUTS = {
        **specs.TrainerSpec.INPUTS,
        **INPUTS,
        UPDATE_PLAN_KEY: ChannelParameter(type=UpdatePlan, optional=True),
    }
    PARAMETERS = {
        **specs.TrainerSpec.PARAMETERS,
        WARM_START_KEY: ExecutionParameter(type=str, optional=True),
    }


class RecommenderTrainerExecutor(executor.GenericExecutor):
    """Hands the folders of all inputs to `run_fn` in `custom_config`."""

    def _GetFnArgs(self, input_dict, output_dict, exec_properties):  # noqa: N802
        fn_args = super()._GetFnArgs(input_dict, output_dict, exec_properties)
        fn_args.custom_config = {
            **(fn_args.custom_config or {}),
            **folders_of(input_dict),
        }
        last = exec_properties.get(WARM_START_KEY)
        if input_dict.get(UPDATE_PLAN_KEY):
            [plan] = input_dict[UPDATE_PLAN_KEY]
            last = Plan.read(plan.uri).warm_start
        if last:
            fn_args.custom_config[WARM_START_KEY] = last
        return fn_args


class RecommenderTrainer(Trainer):
    """Trains by a `run_fn` on behaviour, items and text vectors.

    Outputs are the Trainer's: `model` and `model_run`. `run_fn` finds the
    keys of `FOLDERS` in `fn_args.custom_config`, each the folder of an input.

    Args:
      run_fn: Dotted path of the training function.
      examples: Transformed behaviour.
      transform_graph: Transform graph of behaviour.
      item_transform_graph: Transform graph of items.
      transformed_items: Transformed items, split `all`.
      text_vectors: `TextVectors` of items and queries.
      custom_config: What else `run_fn` reads: settings, code digest.
      hyperparameters: That a Tuner found, if there is one.
      warm_start: Folder of the `model_run` of the version that training goes
        on with, or a runtime parameter of one; None trains anew. A path and
        no input, so that no Resolver is needed, which open-source Kubeflow
        Pipelines cannot run.
      update_plan: `UpdatePlan` that names that folder, where it is found when
        the pipeline runs; in the place of `warm_start`.
      train_args: As the Trainer has it.
      eval_args: As the Trainer has it.
    """

    SPEC_CLASS = RecommenderTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(RecommenderTrainerExecutor)

    def __init__(
        self,
        *,
        run_fn: str,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        item_transform_graph: types.BaseChannel,
        transformed_items: types.BaseChannel,
        text_vectors: types.BaseChannel,
        custom_config: dict[str, Any],
        hyperparameters: types.BaseChannel | None = None,
        warm_start: str | data_types.RuntimeParameter | None = None,
        update_plan: types.BaseChannel | None = None,
        train_args: trainer_pb2.TrainArgs | None = None,
        eval_args: trainer_pb2.EvalArgs | None = None,
    ):
        spec = RecommenderTrainerSpec(
            run_fn=run_fn,
            examples=examples,
            transform_graph=transform_graph,
            item_transform_graph=item_transform_graph,
            transformed_items=transformed_items,
            text_vectors=text_vectors,
            hyperparameters=hyperparameters,
            custom_config=json_utils.dumps(custom_config),
            warm_start=warm_start,
            update_plan=update_plan,
            train_args=train_args or trainer_pb2.TrainArgs(),
            eval_args=eval_args or trainer_pb2.EvalArgs(),
            model=types.Channel(type=standard_artifacts.Model),
            model_run=types.Channel(type=standard_artifacts.ModelRun),
        )
        # The Trainer's own constructor knows its own inputs only.
        super(Trainer, self).__init__(spec=spec)
