import pathlib

import pytest

from pipeline.kubeflow.cluster import Cluster, Machine, Secret, read_cluster
from pipeline.kubeflow.spec import add_cluster, platform_spec
from schema.errors import DataError
from schema.settings import SettingsError

EXAMPLE = (
    pathlib.Path(__file__).parents[3] / "examples" / "kubeflow" / "cluster.yaml"
)


def spec():
    return {
        "components": {
            name: {"executorLabel": f"{name}_executor"}
            for name in ("Trainer", "Pusher")
        },
        "deploymentSpec": {
            "executors": {
                f"{name}_executor": {"container": {"image": "x"}}
                for name in ("Trainer", "Pusher")
            }
        },
        "root": {
            "dag": {
                "tasks": {
                    name: {"componentRef": {"name": name}}
                    for name in ("Trainer", "Pusher")
                }
            }
        },
    }


def test_example_is_read_whole():
    cluster = read_cluster(EXAMPLE)
    assert cluster.machine_of("Trainer").gpus == 1
    assert cluster.machine_of("Pusher") == Machine(cpu=2, memory="8Gi")
    assert cluster.secrets[0] == Secret(
        secret="daogou-storage",
        key="access_key",
        variable="AWS_ACCESS_KEY_ID",
    )
    assert cluster.volumes[0].path == "/mnt/daogou"
    assert cluster.beam_args[0].startswith("--direct")


def test_limits_and_retries_are_those_that_kfp_writes():
    """By hand from what kfp's own compiler writes for the same wishes."""
    compiled = spec()
    cluster = Cluster(
        nodes={"Trainer": Machine(cpu=8, memory="32Gi", gpus=1)},
        retries=3,
        backoff_seconds=60,
    )
    add_cluster(compiled, cluster)
    executors = compiled["deploymentSpec"]["executors"]
    assert executors["Trainer_executor"]["container"]["resources"] == {
        "cpuLimit": 8,
        "resourceCpuLimit": "8",
        "memoryLimit": pytest.approx(34.359738368),
        "resourceMemoryLimit": "32Gi",
        "accelerator": {
            "type": "nvidia.com/gpu",
            "count": "1",
            "resourceType": "nvidia.com/gpu",
            "resourceCount": "1",
        },
    }
    assert "resources" not in executors["Pusher_executor"]["container"]
    for task in compiled["root"]["dag"]["tasks"].values():
        assert task["retryPolicy"] == {
            "maxRetryCount": 3,
            "backoffDuration": "60s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": "3600s",
        }


def test_secrets_go_by_reference_to_every_node_and_gpus_to_one():
    platform = platform_spec(spec(), read_cluster(EXAMPLE))
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"][
        "executors"
    ]
    assert set(executors) == {"Trainer_executor", "Pusher_executor"}
    for config in executors.values():
        assert config["secretAsEnv"][0]["keyToEnv"] == [
            {"secretKey": "access_key", "envVar": "AWS_ACCESS_KEY_ID"}
        ]
        assert config["pvcMount"][0]["mountPath"] == "/mnt/daogou"
    trainer = executors["Trainer_executor"]
    assert trainer["nodeSelector"] == {"labels": {"daogou/pool": "gpu"}}
    assert trainer["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert "nodeSelector" not in executors["Pusher_executor"]


def test_nothing_asked_for_is_no_second_document():
    assert platform_spec(spec(), Cluster()) == {}


def test_a_node_that_is_not_there_is_named():
    cluster = Cluster(nodes={"Tainer": Machine(cpu=1)})
    with pytest.raises(DataError, match=r"nodes\.Tainer.*Pusher, Trainer"):
        add_cluster(spec(), cluster)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("machine: {cpus: 2}", r"machine has 'cpus'; allowed: cpu, memory"),
        ("machine: {cpu: -1}", r"Machine\.cpu is -1"),
        ("machine: {cpu: many}", r"machine is \{'cpu': 'many'\}"),
        ("machine: {memory: 16 GB}", r"memory is '16 GB'.*16Gi"),
        ("nodes: [Trainer]", r"nodes is \['Trainer'\]"),
        ("secrets: {secret: a}", r"secrets is .*allowed: a list"),
        ("secrets: [{secret: a, key: b}]", r"secrets\[0\] has no 'variable'"),
        ("retries: -1", r"retries is -1; allowed: 0 to 100"),
        ("beam_args: [runner]", r"beam_args is \('runner',\)"),
        ("replicas: 3", r"the file has 'replicas'"),
        ("- 3", r"the file is \[3\]"),
        ("machine: {", r"cannot be read"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, text, said):
    path = tmp_path / "cluster.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"cluster\.yaml.*" + said):
        read_cluster(path)


def test_settings_name_their_field():
    with pytest.raises(SettingsError, match=r"Secret\.variable is '1X'"):
        Secret(secret="s", key="k", variable="1X")
