"""The spec that Kubeflow gets, compiled offline and loaded by kfp itself."""

import json
import pathlib

import pytest
import yaml

from pipeline import kubeflow_runner
from pipeline.kubeflow.cluster import read_cluster
from schema.errors import DataError

CLUSTER = (
    pathlib.Path(__file__).parents[2] / "examples" / "kubeflow" / "cluster.yaml"
)

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
        preset="demo",
        output=output,
        cluster=read_cluster(CLUSTER),
        **PLACES,
    )
    return output, schemas


@pytest.fixture(scope="module")
def documents(compiled):
    return list(yaml.safe_load_all(compiled[0].read_text(encoding="utf-8")))


def test_kfp_loads_it_and_finds_every_node(compiled):
    from kfp import components

    loaded = components.load_component_from_file(str(compiled[0]))
    tasks = loaded.pipeline_spec.root.dag.tasks
    for node in ("EventsGen", "BehaviorLog", "Trainer", "Servable", "Pusher"):
        assert node in tasks
    assert "Pusher" in tasks
    assert "QualityGate" in tasks["Pusher"].dependent_tasks


def test_every_node_says_what_it_runs_reads_and_writes(documents):
    spec, _ = documents
    tasks = spec["root"]["dag"]["tasks"]
    assert len(tasks) >= 32
    for name, task in tasks.items():
        component = spec["components"][task["componentRef"]["name"]]
        executor = spec["deploymentSpec"]["executors"][
            component["executorLabel"]
        ]
        container = executor["container"]
        assert container["image"] == PLACES["image"]
        assert container["command"][:2] == ["python", "-m"]
        assert "{{$}}" in container["args"]
        assert container["args"][-2:] == [
            "--direct_running_mode=multi_processing",
            "--direct_num_workers=0",
        ]
        # What looks into a folder cannot know what it held the last time.
        kept = not {"input_base", "data_dir"} & set(
            component.get("inputDefinitions", {}).get("parameters", {})
        )
        assert task["cachingOptions"] == {"enableCache": kept}, name
        assert kept != name.endswith("Gen"), name
        assert task["retryPolicy"]["maxRetryCount"] == 2
        assert container["resources"]["resourceMemoryLimit"]
        # Each input is there, and made by a task that it waits for.
        wanted = component.get("inputDefinitions", {})
        given = task.get("inputs", {})
        assert set(given.get("artifacts", {})) == set(
            wanted.get("artifacts", {})
        )
        assert set(given.get("parameters", {})) <= set(wanted["parameters"])
        for source in given.get("artifacts", {}).values():
            made = source["taskOutputArtifact"]
            assert made["producerTask"] in task["dependentTasks"], name
            of = tasks[made["producerTask"]]["componentRef"]["name"]
            assert (
                made["outputArtifactKey"]
                in spec["components"][of]["outputDefinitions"]["artifacts"]
            )
    assert tasks["BehaviorLog"]["inputs"]["parameters"]["settings"]
    text = json.dumps(spec)
    assert "Resolver" not in text
    assert "InfraValidator" not in text
    assert "{SPAN}" not in text


@pytest.fixture(scope="module")
def updating(tmp_path_factory):
    output = tmp_path_factory.mktemp("updating") / "daogou.yaml"
    kubeflow_runner.compile_pipeline(
        preset="demo", output=output, updates=True, **PLACES
    )
    return output


def test_an_update_finds_the_last_version_by_a_node_of_ours(updating):
    [spec] = yaml.safe_load_all(updating.read_text(encoding="utf-8"))
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters == {
        name: {
            "parameterType": "STRING",
            "defaultValue": "",
            "isOptional": True,
        }
        for name in ("warm_start", "span")
    }
    tasks = spec["root"]["dag"]["tasks"]
    given = tasks["PlanUpdate"]["inputs"]["parameters"]
    for name in parameters:
        assert given[name] == {"componentInputParameter": name}
    constant = {"runtimeValue": {"constant": "gs://shop/daogou/versions"}}
    assert given["records_dir"] == constant
    assert tasks["PlanUpdate"]["cachingOptions"] == {"enableCache": False}
    assert not tasks["PlanUpdate"].get("dependentTasks")
    # Whoever does something differently reads it from the plan.
    planned = {
        name: key
        for name, task in tasks.items()
        for key, source in task["inputs"].get("artifacts", {}).items()
        if source["taskOutputArtifact"]["producerTask"] == "PlanUpdate"
    }
    assert planned == {
        "DataGate": "plan",
        "BehaviorLog": "plan",
        "RetrievalEvaluator": "plan",
        "Trainer": "update_plan",
        "RecordVersion": "plan",
    }
    record = tasks["RecordVersion"]
    assert {"Pusher", "Trainer", "PlanUpdate"} <= set(record["dependentTasks"])
    assert record["inputs"]["parameters"]["records_dir"] == constant
    schema = tasks["DataGate"]["inputs"]["parameters"]["events_schema"]
    assert schema["runtimeValue"]["constant"].startswith("gs://shop/daogou/")
    assert "Resolver" not in json.dumps(spec)


def test_kfp_takes_the_parameters_and_their_defaults(updating):
    from kfp import components

    loaded = components.load_component_from_file(str(updating))
    inputs = loaded.component_spec.inputs
    assert {name: one.optional for name, one in inputs.items()} == {
        "warm_start": True,
        "span": True,
    }


def test_without_updates_there_are_no_parameters(documents):
    spec, _ = documents
    assert not spec["root"].get("inputDefinitions", {}).get("parameters")
    assert "PlanUpdate" not in spec["root"]["dag"]["tasks"]


def test_the_trainer_gets_the_gpu_and_secrets_stay_outside(documents):
    spec, platform = documents
    executors = spec["deploymentSpec"]["executors"]
    with_gpu = [
        name
        for name, executor in executors.items()
        if "accelerator" in executor["container"]["resources"]
    ]
    assert with_gpu == ["Trainer_executor"]
    configs = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(configs) == set(executors)
    for config in configs.values():
        assert config["secretAsEnv"][0]["secretName"] == "daogou-storage"
    assert "AWS_SECRET_ACCESS_KEY" not in json.dumps(spec)


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


def test_schema_2_0_has_no_place_for_secrets(tmp_path):
    output = tmp_path / "daogou.json"
    with pytest.raises(DataError, match=r"daogou\.json.*allowed.*\.yaml"):
        kubeflow_runner.compile_pipeline(
            preset="demo",
            output=output,
            cluster=read_cluster(CLUSTER),
            **PLACES,
        )
    assert not output.exists()


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"\.txt.*allowed: \.yaml, \.json"):
        kubeflow_runner.compile_pipeline(
            preset="demo", output=tmp_path / "spec.txt", **PLACES
        )
