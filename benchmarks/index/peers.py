"""faiss and hnswlib, asked in their own process."""

import contextlib
import json
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import python_of
from schema.errors import DataError, MissingDependencyError

_FAISS = ("faiss-cpu==1.15.1", "numpy==2.3.5")
# Has no wheel, so where there is no compiler faiss stands alone.
_HNSWLIB = ("hnswlib==0.8.0",)
_SCRIPT = pathlib.Path(__file__).with_name("neighbour_peer.py")


class Peers:
    """Indexes of other libraries, built once.

    Attributes:
      built: Name → `build_seconds`, `megabytes`.
      versions: Of the libraries.
      missing: Why hnswlib is not among them; None where it is.
    """

    def __init__(self, process, folder: pathlib.Path, missing: str | None):
        self._process, self._folder = process, folder
        self._line()
        told = json.loads((folder / "built.json").read_text())
        self.built: dict[str, dict] = told["built"]
        self.versions: dict[str, str] = told["versions"]
        self.missing = missing

    @classmethod
    @contextlib.contextmanager
    def started(
        cls,
        vectors: NDArray[np.float32],
        *,
        tuned: NDArray[np.float32],
        tuned_rows: np.ndarray,
        asked: NDArray[np.float32],
    ) -> Iterator["Peers"]:
        """Starts the process and waits for what it builds.

        Args:
          vectors: [N, d].
          tuned: Queries to tune on, [T, d].
          tuned_rows: Their exact neighbours, int [T, k].
          asked: Queries to measure with, [Q, d].

        Raises:
          MissingDependencyError: faiss cannot be installed.
          DataError: The process failed.
        """
        python, missing = _python()
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for array, values in (
                ("vectors", vectors),
                ("tuned", tuned),
                ("tuned_rows", tuned_rows),
                ("asked", asked),
            ):
                np.save(folder / f"{array}.npy", values)
            (folder / "problem.json").write_text(
                json.dumps({"k": tuned_rows.shape[1]})
            )
            process = subprocess.Popen(
                [str(python), "-I", str(_SCRIPT), name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                yield cls(process, folder, missing)
            finally:
                # The end of its input ends it.
                process.communicate()

    def _line(self) -> str:
        if line := self._process.stdout.readline():
            return line
        raise DataError(f"{_SCRIPT.name} ended early; see its output")

    def _ask(self, **task):
        print(json.dumps(task), file=self._process.stdin, flush=True)
        return json.loads(self._line())

    def tune(self, name: str, recall: float) -> int:
        """Lets one search so hard that it reaches a recall; says how hard."""
        return self._ask(do="tune", index=name, recall=recall)

    def find(self, name: str) -> np.ndarray:
        """Returns what one finds for the asked queries, int [Q, k]."""
        path = self._folder / "found.npy"
        self._ask(do="find", index=name, to=str(path))
        return np.load(path)

    def spend(self, name: str, batch: int, places: list[int]) -> float:
        """Asks some batches of queries; returns the processor seconds."""
        return self._ask(do="time", index=name, batch=batch, places=places)


def _python():
    try:
        return python_of((*_FAISS, *_HNSWLIB)), None
    except MissingDependencyError as error:
        return python_of(_FAISS), str(error)
