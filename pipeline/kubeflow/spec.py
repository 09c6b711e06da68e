"""Writes into a compiled spec what the cluster gives to its nodes.

The field names are those of the pipeline spec 2.1 and of its Kubernetes
platform spec, as kfp 2.16's own compiler writes them.
"""

from pipeline.kubeflow.cluster import Cluster, Machine
from schema.errors import DataError

_GIGABYTE = {
    "": 1e-9,
    "k": 1e-6,
    "M": 1e-3,
    "G": 1.0,
    "T": 1e3,
    "Ki": 2**10 / 1e9,
    "Mi": 2**20 / 1e9,
    "Gi": 2**30 / 1e9,
    "Ti": 2**40 / 1e9,
}
_MAX_BACKOFF = "3600s"
# Parameters of tasks that look into a folder.
_READS_FOLDERS = {"input_base", "data_dir"}


def add_cluster(spec: dict, cluster: Cluster) -> None:
    """Adds limits and retries to every task of a spec, in place.

    Args:
      spec: A pipeline spec 2.0 or 2.1.
      cluster: What its nodes get.

    Raises:
      DataError: The cluster names a node that the pipeline does not have.
    """
    tasks = spec["root"]["dag"]["tasks"]
    for node in cluster.nodes:
        if node not in tasks:
            raise DataError(
                f"the cluster file has nodes.{node}; this pipeline has "
                f"{', '.join(sorted(tasks))}"
            )
    executors = spec["deploymentSpec"]["executors"]
    for name, task in tasks.items():
        limits = _resources(cluster.machine_of(name))
        if limits:
            executors[_executor_of(spec, task)]["container"]["resources"] = (
                limits
            )
        if cluster.retries:
            task["retryPolicy"] = {
                "maxRetryCount": cluster.retries,
                "backoffDuration": f"{cluster.backoff_seconds}s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": _MAX_BACKOFF,
            }


def never_cache(spec: dict) -> None:
    """Keeps tasks from the cache that read more than their inputs, in place.

    Open-source Kubeflow knows a task by its parameters and input artifacts,
    and does not make the check by which TFX's ExampleGen sees other files in
    the same folder: a cached task would hand on yesterday's tables.

    Args:
      spec: A pipeline spec 2.0 or 2.1.
    """
    for task in spec["root"]["dag"]["tasks"].values():
        component = spec["components"][task["componentRef"]["name"]]
        read = component.get("inputDefinitions", {}).get("parameters", {})
        if _READS_FOLDERS & set(read):
            task["cachingOptions"] = {"enableCache": False}


def optional_parameters(spec: dict) -> None:
    """Gives parameters of the pipeline an empty default, in place.

    TFX's compiler leaves defaults of spec 2.1 out, and kfp then wants each
    to be given. Spec 2.0 has no place for them; its job says them.

    Args:
      spec: A pipeline spec 2.0 or 2.1.
    """
    given = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    for parameter in given.values():
        if "parameterType" in parameter:
            parameter["defaultValue"] = ""
            parameter["isOptional"] = True


def platform_spec(spec: dict, cluster: Cluster) -> dict:
    """Returns the second document of the file; empty where none is needed.

    Secrets stand in it by reference only.

    Args:
      spec: The pipeline spec that it goes with.
      cluster: What its nodes get.
    """
    executors = {}
    for name, task in spec["root"]["dag"]["tasks"].items():
        config = _kubernetes(cluster, cluster.machine_of(name))
        if config:
            executors[_executor_of(spec, task)] = config
    if not executors:
        return {}
    return {
        "platforms": {
            "kubernetes": {"deploymentSpec": {"executors": executors}}
        }
    }


def _executor_of(spec, task):
    component = spec["components"][task["componentRef"]["name"]]
    return component["executorLabel"]


def _resources(machine: Machine) -> dict:
    limits: dict = {}
    if machine.cpu:
        limits["cpuLimit"] = machine.cpu
        limits["resourceCpuLimit"] = f"{machine.cpu:g}"
    if machine.memory:
        limits["memoryLimit"] = _gigabytes(machine.memory)
        limits["resourceMemoryLimit"] = machine.memory
    if machine.gpus:
        limits["accelerator"] = {
            "type": machine.gpu_type,
            "count": str(machine.gpus),
            "resourceType": machine.gpu_type,
            "resourceCount": str(machine.gpus),
        }
    return limits


def _gigabytes(memory: str) -> float:
    number = memory.rstrip("KMGTik")
    return float(number) * _GIGABYTE[memory[len(number) :]]


def _kubernetes(cluster, machine):
    config: dict = {}
    if machine.node_selector:
        config["nodeSelector"] = {"labels": dict(machine.node_selector)}
    if machine.gpus:
        # Clusters keep other pods off their GPU nodes by this taint.
        config["tolerations"] = [
            {
                "key": machine.gpu_type,
                "operator": "Exists",
                "effect": "NoSchedule",
            }
        ]
    if cluster.secrets:
        config["secretAsEnv"] = [
            {
                "secretName": secret.secret,
                "secretNameParameter": _constant(secret.secret),
                "keyToEnv": [
                    {"secretKey": secret.key, "envVar": secret.variable}
                ],
                "optional": False,
            }
            for secret in cluster.secrets
        ]
    if cluster.volumes:
        config["pvcMount"] = [
            {
                "constant": volume.claim,
                "pvcNameParameter": _constant(volume.claim),
                "mountPath": volume.path,
            }
            for volume in cluster.volumes
        ]
    return config


def _constant(value):
    return {"runtimeValue": {"constant": value}}
