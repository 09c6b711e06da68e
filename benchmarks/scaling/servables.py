"""Stages of the servable: writing it, loading it, one answer.

The shop is made up, the graph is that of a trained one
(`benchmarks.serving.made_up`).
"""

import pathlib
import shutil

from benchmarks.scaling.measuring import Work
from benchmarks.serving.in_process import Graphs
from benchmarks.serving.made_up import shop_inputs, write_shop
from benchmarks.serving.speed import request_of
from serving.model_server.servable import Servable

_SECONDS = 1.0


def _version(folder: pathlib.Path) -> pathlib.Path:
    return folder / "shop" / "1"


def _written(items: int, folder: pathlib.Path) -> pathlib.Path:
    version = _version(folder)
    if not version.is_dir():
        write_shop(version, items)
    return version


def write(items: int, folder: pathlib.Path) -> Work:
    """Writes a servable of so many items."""
    version = _version(folder)

    def run():
        write_shop(version, items)
        files = [path for path in version.rglob("*") if path.is_file()]
        return {"megabytes": sum(path.stat().st_size for path in files) / 1e6}

    return Work(run=run, again=lambda: shutil.rmtree(version))


def load(items: int, folder: pathlib.Path) -> Work:
    """Loads it as the model server does."""
    version = _written(items, folder)
    held = []

    def run():
        held.append(Servable(str(version)))
        return {}

    return Work(run=run, again=held.clear)


def answer(items: int, folder: pathlib.Path) -> Work:
    """Answers calls of `recommend`, one after the other."""
    version = _written(items, folder)
    requests = [
        request_of("shop", "recommend", inputs)
        for inputs in shop_inputs(version)
    ]
    graphs = Graphs()

    def run():
        told = graphs.run(str(version), requests, _SECONDS)
        return {
            "calls": told["calls"],
            "seconds": told["ms"] / 1e3,
            "cpu_seconds": told["cpu_ms"] / 1e3,
        }

    return Work(run=run)
