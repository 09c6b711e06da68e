"""TFX's Tuner, extended by transformed items and text vectors."""

from typing import Any

from tfx import types
from tfx.components import Tuner
from tfx.components.tuner import executor
from tfx.dsl.components.base import executor_spec
from tfx.proto import trainer_pb2
from tfx.types import standard_artifacts
from tfx.types import standard_component_specs as specs
from tfx.utils import json_utils

from components.trainer.component import INPUTS, folders_of


class RecommenderTunerSpec(specs.TunerSpec):
    """The Tuner's specification with the Trainer's inputs."""

    INPUTS = {**specs.TunerSpec.INPUTS, **INPUTS}


class RecommenderTunerExecutor(executor.Executor):
    """Hands the folders of all inputs to `tuner_fn` in `custom_config`."""

    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        """Searches, and writes the best values and all results."""
        key = specs.CUSTOM_CONFIG_KEY
        config = json_utils.loads(exec_properties[key])
        config = json_utils.dumps({**config, **folders_of(input_dict)})
        super().Do(input_dict, output_dict, {**exec_properties, key: config})


class RecommenderTuner(Tuner):
    """Tunes by a `tuner_fn` on behaviour, items and text vectors.

    Outputs are the Tuner's: `best_hyperparameters` and `tuner_results`.

    Args:
      tuner_fn: Dotted path of the function that makes the tuner.
      examples: As of `RecommenderTrainer`, like all inputs.
      transform_graph: Transform graph of behaviour.
      item_transform_graph: Transform graph of items.
      transformed_items: Transformed items, split `all`.
      text_vectors: `TextVectors` of items and queries.
      custom_config: What else `tuner_fn` reads.
    """

    SPEC_CLASS = RecommenderTunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(RecommenderTunerExecutor)

    def __init__(
        self,
        *,
        tuner_fn: str,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        item_transform_graph: types.BaseChannel,
        transformed_items: types.BaseChannel,
        text_vectors: types.BaseChannel,
        custom_config: dict[str, Any],
    ):
        spec = RecommenderTunerSpec(
            tuner_fn=tuner_fn,
            examples=examples,
            transform_graph=transform_graph,
            item_transform_graph=item_transform_graph,
            transformed_items=transformed_items,
            text_vectors=text_vectors,
            custom_config=json_utils.dumps(custom_config),
            train_args=trainer_pb2.TrainArgs(splits=["train"]),
            eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
            best_hyperparameters=types.Channel(
                type=standard_artifacts.HyperParameters
            ),
            tuner_results=types.Channel(type=standard_artifacts.TunerResults),
        )
        # The Tuner's own constructor knows its own inputs only.
        super(Tuner, self).__init__(spec=spec)
