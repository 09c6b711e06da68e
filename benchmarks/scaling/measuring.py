"""Measures one stage at one size, in a process of its own.

What is needed for the work is made before it is measured. Processes are forked
from one that has imported all that any stage needs and done nothing else, so
they all begin with the same memory, and none waits for imports.
"""

import dataclasses
import importlib
import json
import multiprocessing
import os
import pathlib
import statistics
import time
import typing
from collections.abc import Callable

from benchmarks.events.costs import measured
from benchmarks.scaling import stages
from schema.errors import DaogouError

_MOST = "peak_mb"
# One thread a stage, so that processor time is that of one core's work.
_ALONE = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
_PACKAGE = "benchmarks.scaling"
_PRELOADED = [
    *(f"{_PACKAGE}.{m}" for m in ("logs", "retrieval", "servables", "texts")),
    "models.training.fitting",
]
_TAIL = 800


class StageError(DaogouError):
    """A stage ended with an error."""


def _nothing() -> None:
    """Leaves everything as it is."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What is measured, more than once.

    Attributes:
      run: Does it, and says what else there is to say of it in figures; those
        named `seconds` or `cpu_seconds` stand in for what was measured
        around it.
      again: Takes back what it left, before it is done again.
      once: Whether it takes a median by itself, and is done once.
    """

    run: Callable[[], dict[str, float]]
    again: Callable[[], None] = _nothing
    once: bool = False


def measure(work: Work, rounds: int, seconds: float) -> dict[str, float]:
    """Does the work several times.

    Args:
      work: What to do.
      rounds: At most.
      seconds: After which there is no further round.

    Returns:
      `rounds`; medians of `seconds`, `cpu_seconds`, `mb` (resident before)
      and of what the work says; `peak_mb`, the most of the process till the
      end of the first round.
    """
    taken: list[dict[str, float]] = []
    begun = time.monotonic()
    rounds = 1 if work.once else rounds
    while not taken or (
        len(taken) < rounds and time.monotonic() < begun + seconds
    ):
        if taken:
            work.again()
        with measured() as costs:
            told = work.run()
        taken.append({**costs, **told})
    return {
        "rounds": len(taken),
        **{
            name: round(statistics.median(row[name] for row in taken), 5)
            for name in taken[0]
        },
        # Later rounds find what the first one left.
        _MOST: taken[0][_MOST],
    }


def prepared(stage: stages.Stage, size: int, folder: pathlib.Path) -> Work:
    """Makes what a stage needs.

    Args:
      stage: Of `stages.STAGES`.
      size: How much of what grows.
      folder: For its files.
    """
    module, _, name = stage.work.partition(":")
    package = importlib.import_module(f"{_PACKAGE}.{module}")
    make: typing.Callable[[int, pathlib.Path], Work] = getattr(package, name)
    return make(size, folder)


class Processes:
    """Measures stages, each in a new process."""

    def __init__(self, rounds: int, seconds: float):
        """Starts none.

        Args:
          rounds: As for `measure`.
          seconds: As for `measure`.
        """
        self._rounds, self._seconds = rounds, seconds
        os.environ.update(_ALONE)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)

    def measure(
        self, stage: stages.Stage, size: int, folder: pathlib.Path
    ) -> dict[str, float]:
        """Measures a stage at a size.

        Args:
          stage: Of `stages.STAGES`.
          size: How much of what grows.
          folder: For its files.

        Returns:
          As `measure`.

        Raises:
          StageError: The process ended with an error.
        """
        told = folder / f"{stage.name}.json"
        process = self._context.Process(
            target=_measure_here,
            args=(stage.name, size, folder, self._rounds, self._seconds),
        )
        process.start()
        process.join()
        if process.exitcode:
            said = told.with_suffix(".log").read_text(errors="replace")
            raise StageError(
                f"{stage.name} at {size} {stage.grows} ended with "
                f"{process.exitcode}: {said[-_TAIL:]}"
            )
        return json.loads(told.read_text())


def _measure_here(name, size, folder, rounds, seconds):
    """Is a process's work; leaves `NAME.json` and what was printed."""
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    [stage] = stages.by_names((name,))
    costs = measure(prepared(stage, size, folder), rounds, seconds)
    (folder / f"{name}.json").write_text(json.dumps(costs))
