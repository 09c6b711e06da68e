"""The spec that Kubeflow gets, compiled offline and loaded by kfp itself."""

import json

import pytest
import yaml

from pipeline import kubeflow_runner
from schema.errors import DataError

PLACES = {
    "image": "registry.example/daogou:1",
    "root": "gs://shop/daogou",
    "data": "gs://shop/data",
    "serving": "gs://shop/serving/daogou",
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kubeflow")
    output = folder / "daogou.yaml"
    schemas = kubeflow_runner.compile_pipeline(
        preset="demo", output=output, **PLACES
    )
    return output, schemas


def test_kfp_loads_it_and_finds_every_node(compiled):
    from kfp import components

    loaded = components.load_component_from_file(str(compiled[0]))
    tasks = loaded.pipeline_spec.root.dag.tasks
    for node in ("EventsGen", "BehaviorLog", "Trainer", "Servable", "Pusher"):
        assert node in tasks
    assert "Pusher" in tasks
    assert "QualityGate" in tasks["Pusher"].dependent_tasks


def test_every_node_runs_in_the_image_and_none_is_a_resolver(compiled):
    spec = yaml.safe_load(compiled[0].read_text())
    executors = spec["deploymentSpec"]["executors"]
    assert len(executors) >= 25
    for executor in executors.values():
        assert executor["container"]["image"] == PLACES["image"]
    text = compiled[0].read_text()
    assert "Resolver" not in text
    assert "InfraValidator" not in text


def test_schemas_that_it_imports_lie_beside_it(compiled):
    output, schemas = compiled
    text = output.read_text()
    names = [path.name for path in schemas.iterdir()]
    assert len(names) == 6
    for name in names:
        assert f"gs://shop/daogou/schema/{name}" in text


def test_json_is_schema_2_0(tmp_path):
    output = tmp_path / "daogou.json"
    kubeflow_runner.compile_pipeline(
        preset="movielens",
        output=output,
        tables=("events", "items", "users"),
        **PLACES,
    )
    spec = json.loads(output.read_text())["pipelineSpec"]
    assert spec["schemaVersion"] == "2.0.0"
    assert not [name for name in spec["components"] if "Campaigns" in name]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"\.txt.*allowed: \.yaml, \.json"):
        kubeflow_runner.compile_pipeline(
            preset="demo", output=tmp_path / "spec.txt", **PLACES
        )
