"""The shell around training: inputs, folders, Kubeflow."""

import json

import pytest
import yaml
from tfx import v1 as tfx
from tfx.dsl.components.common import importer
from tfx.types import standard_artifacts

import components  # noqa: F401  before TensorFlow: chooses Keras 2
from components.artifacts import TextVectors, UpdatePlan
from components.trainer.component import (
    RecommenderTrainer,
    RecommenderTrainerExecutor,
)
from components.update_plan.plan import Plan

TYPES = {
    "examples": standard_artifacts.Examples,
    "transform_graph": standard_artifacts.TransformGraph,
    "item_transform_graph": standard_artifacts.TransformGraph,
    "transformed_items": standard_artifacts.Examples,
    "text_vectors": TextVectors,
}


def nodes():
    """Importers of the five inputs, and the trainer on them."""
    sources = {
        name: importer.Importer(
            source_uri=f"/data/{name}", artifact_type=kind
        ).with_id(name)
        for name, kind in TYPES.items()
    }
    trainer = RecommenderTrainer(
        run_fn="models.training.trainer.run_fn",
        custom_config={"model_settings": "{}", "code_digest": "1"},
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["eval"]),
        **{name: node.outputs["result"] for name, node in sources.items()},
    )
    return [*sources.values(), trainer]


def test_it_is_a_trainer_with_more_inputs():
    trainer = nodes()[-1]
    assert isinstance(trainer, tfx.components.Trainer)
    assert set(TYPES) <= set(trainer.inputs)
    assert set(trainer.outputs) == {"model", "model_run"}
    config = json.loads(trainer.exec_properties["custom_config"])
    assert config["code_digest"] == "1"


def artifact(kind, uri, splits=""):
    made = kind()
    made.uri = str(uri)
    if splits:
        made.split_names = json.dumps(splits)
        made.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
        made.set_string_custom_property("file_format", "tfrecords_gzip")
    return [made]


def artifacts_to_learn_from(folder):
    return {
        name: artifact(
            kind,
            folder / name,
            ["train", "eval"] if kind is standard_artifacts.Examples else "",
        )
        for name, kind in TYPES.items()
    }


@pytest.mark.parametrize("warm_start", ["", "/last/model_run/3"])
def test_run_fn_finds_the_folder_of_every_input(tmp_path, warm_start):
    inputs = artifacts_to_learn_from(tmp_path)
    outputs = {
        "model": artifact(standard_artifacts.Model, tmp_path / "model"),
        "model_run": artifact(standard_artifacts.ModelRun, tmp_path / "run"),
    }
    fn_args = RecommenderTrainerExecutor()._GetFnArgs(
        inputs,
        outputs,
        {
            "train_args": '{"splits": ["train"]}',
            "eval_args": '{"splits": ["eval"]}',
            "custom_config": '{"model_settings": "{}"}',
            **({"warm_start": warm_start} if warm_start else {}),
        },
    )
    told = {"warm_start": warm_start} if warm_start else {}
    assert fn_args.custom_config == told | {
        "model_settings": "{}",
        "transformed_examples": str(tmp_path / "examples"),
        "transformed_items": str(tmp_path / "transformed_items"),
        "item_transform_graph": str(tmp_path / "item_transform_graph"),
        "text_vectors": str(tmp_path / "text_vectors"),
    }
    assert fn_args.transform_output == str(tmp_path / "transform_graph")
    assert fn_args.model_run_dir == str(tmp_path / "run")


@pytest.mark.parametrize("last", ["", "/last/model_run/3"])
def test_a_plan_says_what_to_go_on_with(tmp_path, last):
    Plan(warm_start=last).write(str(tmp_path / "plan"))
    inputs = artifacts_to_learn_from(tmp_path) | {
        "update_plan": artifact(UpdatePlan, tmp_path / "plan")
    }
    outputs = {
        "model": artifact(standard_artifacts.Model, tmp_path / "model"),
        "model_run": artifact(standard_artifacts.ModelRun, tmp_path / "run"),
    }
    fn_args = RecommenderTrainerExecutor()._GetFnArgs(
        inputs,
        outputs,
        {
            "train_args": '{"splits": ["train"]}',
            "eval_args": '{"splits": ["eval"]}',
            "custom_config": '{"model_settings": "{}"}',
        },
    )
    assert fn_args.custom_config.get("warm_start", "") == last


@pytest.mark.skipif(
    "." not in TextVectors.TYPE_NAME,
    reason="Kubeflow takes artifact types of the form project.Name only",
)
def test_it_compiles_for_kubeflow(tmp_path):
    config = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(
        default_image="image:1", use_pipeline_spec_2_1=True
    )
    path = tmp_path / "pipeline.yaml"
    tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=config, output_filename=str(path)
    ).run(
        tfx.dsl.Pipeline("trains", "/root", components=nodes()),
        write_out=True,
    )
    spec = yaml.safe_load(path.read_text())
    spec = spec.get("pipelineSpec", spec)
    executors = spec["deploymentSpec"]["executors"]
    container = next(
        e["container"]
        for name, e in executors.items()
        if name.startswith("RecommenderTrainer")
    )
    assert (
        "components.trainer.component.RecommenderTrainerExecutor"
        in container["args"]
    )
    parameters = spec["components"]["RecommenderTrainer"]["inputDefinitions"]
    assert set(TYPES) <= set(parameters["artifacts"])
