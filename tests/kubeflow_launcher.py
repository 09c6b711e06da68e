"""Does with a compiled spec what Kubeflow's driver and launcher do.

Walks the tasks in the order of their dependencies, gives each container the
executor input that the launcher would give it, runs its command as a process
of its own, and takes over what it says of its outputs. As in open-source
Kubeflow Pipelines the pre-cache check of a container is not run.
"""

import json
import multiprocessing
import os
import pathlib
import runpy
import sys

import yaml

PLACEHOLDER = "{{$}}"
# A container's command names the image's Python.
_PYTHON = ["python", "-m"]
# Imported once, in the process that those of the containers are forked from:
# it takes longer than most of what they do.
_PRELOADED = [
    "tfx.v1",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
]


class TaskFailedError(Exception):
    """A container ended with something else than 0."""


class Launcher:
    """Runs the tasks of one pipeline spec.

    Attributes:
      tasks: Names in the order in which they run.
      artifacts: (task, output) → the runtime artifact, as JSON.
    """

    def __init__(
        self,
        spec_file: pathlib.Path,
        root: pathlib.Path,
        environment: dict[str, str],
        parameters: dict[str, str] | None = None,
    ):
        """Reads a spec.

        Args:
          spec_file: Of schema 2.0 (JSON) or 2.1 (YAML).
          root: Pipeline root; each output has a place of its own below.
          environment: Of the containers.
          parameters: Of the pipeline; its defaults otherwise.

        Raises:
          ValueError: The pipeline has no such parameter.
        """
        # Behind the spec may stand what Kubernetes alone reads.
        spec, *_ = yaml.safe_load_all(spec_file.read_text(encoding="utf-8"))
        self._spec = spec.get("pipelineSpec", spec)
        self._root = root
        self._environment = environment
        known = self._spec["root"].get("inputDefinitions", {})
        self._parameters = {
            name: about["defaultValue"]
            for name, about in known.get("parameters", {}).items()
        }
        if unknown := set(parameters or {}) - set(self._parameters):
            raise ValueError(f"no such parameters: {unknown}")
        self._parameters |= parameters or {}
        self._tasks = self._spec["root"]["dag"]["tasks"]
        self.tasks = _in_order(self._tasks)
        self.artifacts: dict[tuple[str, str], dict] = {}
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(_PRELOADED)

    def run(self) -> None:
        """Runs every task.

        Raises:
          TaskFailedError: Of the first that fails; none after it is begun.
        """
        for name in self.tasks:
            self.run_task(name)

    def run_task(self, name: str) -> None:
        """Runs the container of one task and records its outputs."""
        component = self._spec["components"][
            self._tasks[name]["componentRef"]["name"]
        ]
        folder = self._root / name
        folder.mkdir(parents=True)
        output_file = folder / "executor_output.json"
        told = self._executor_input(name, component, output_file)
        container = self._spec["deploymentSpec"]["executors"][
            component["executorLabel"]
        ]["container"]
        words = [
            json.dumps(told) if word == PLACEHOLDER else word
            for word in (*container["command"], *container.get("args", ()))
        ]
        if words[:2] != _PYTHON:
            raise TaskFailedError(f"{name} is no Python module: {words[:3]}")
        log = folder / "log.txt"
        process = self._processes.Process(
            target=_run_module, args=(words[2:], self._environment, log)
        )
        process.start()
        process.join()
        if process.exitcode:
            last = log.read_text("utf-8", "replace").splitlines()[-30:]
            raise TaskFailedError(
                f"{name} ended with {process.exitcode}:\n" + "\n".join(last)
            )
        self._take_over(name, told["outputs"]["artifacts"], output_file)

    def _executor_input(self, name, component, output_file):
        task = self._tasks[name]
        inputs = task.get("inputs", {})
        parameters = {
            key: self._parameters[value["componentInputParameter"]]
            if "componentInputParameter" in value
            else value["runtimeValue"]["constant"]
            for key, value in inputs.get("parameters", {}).items()
        }
        artifacts = {
            key: {
                "artifacts": [
                    self.artifacts[
                        value["taskOutputArtifact"]["producerTask"],
                        value["taskOutputArtifact"]["outputArtifactKey"],
                    ]
                ]
            }
            for key, value in inputs.get("artifacts", {}).items()
        }
        outputs = {
            key: {
                "artifacts": [
                    {
                        "name": f"{name}/{key}",
                        "type": value["artifactType"],
                        "uri": str(self._root / name / key),
                        "metadata": value.get("metadata", {}),
                    }
                ]
            }
            for key, value in component.get("outputDefinitions", {})
            .get("artifacts", {})
            .items()
        }
        return {
            "inputs": {"parameterValues": parameters, "artifacts": artifacts},
            "outputs": {
                "artifacts": outputs,
                "outputFile": str(output_file),
            },
        }

    def _take_over(self, name, promised, output_file):
        told = json.loads(output_file.read_text(encoding="utf-8"))
        for key, artifacts in promised.items():
            [artifact] = artifacts["artifacts"]
            [said] = (
                told.get("artifacts", {}).get(key, {}).get("artifacts", [{}])
            )
            self.artifacts[name, key] = {
                **artifact,
                "uri": said.get("uri", artifact["uri"]),
                "metadata": {
                    **artifact["metadata"],
                    **said.get("metadata", {}),
                },
            }


def _run_module(words, environment, log):
    """Is `python -m` of a container, in its process."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(log.parent)
    stream = os.open(log, os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def _in_order(tasks):
    """Returns task names, each after those that it waits for."""
    order, waiting = [], sorted(tasks)
    while waiting:
        ready = [
            name
            for name in waiting
            if all(n in order for n in tasks[name].get("dependentTasks", ()))
        ]
        if not ready:
            raise ValueError(f"tasks wait for each other: {waiting}")
        order += ready
        waiting = [name for name in waiting if name not in order]
    return order
