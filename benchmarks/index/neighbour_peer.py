"""faiss and hnswlib, one thread a query; in an environment of its own.

`python neighbour_peer.py FOLDER` reads `vectors.npy` [N, d], the queries
`tuned.npy` and `asked.npy` [*, d], their exact neighbours `tuned_rows.npy`
[*, k] and `problem.json`, builds an index of each kind and writes what that
took to `built.json` and an empty line to stdout. It then answers lines of
JSON on stdin, each by one on stdout:

- `{"do": "tune", "index": name, "recall": r}`: searches so hard from now on
  that r of the tuned queries' neighbours are found; says how hard.
- `{"do": "find", …, "to": file}`: writes the rows found for `asked`, [*, k].
- `{"do": "time", …, "batch": b, "places": […]}`: asks those batches, of b
  queries each; says the processor seconds.
"""

import abc
import importlib.metadata
import json
import pathlib
import sys
import time
from collections.abc import Callable

import faiss
import numpy as np

try:
    import hnswlib
except ImportError:  # it needs a compiler to be installed
    hnswlib = None

# Links of a node and candidates while it is linked, hnswlib's defaults.
_LINKS, _CANDIDATES = 16, 200
# Lists of IVF by the root of the items, and vectors to learn each from.
_LISTS_A_ROOT, _LEARNED_FROM = 4, 50
# Trials that an effort is narrowed down by, once it is known within twice.
_NARROWED = 5


class Index(abc.ABC):
    """A kind of index.

    Attributes:
      effort: How hard it searches.
      most: The highest effort that is tried.
    """

    effort: int = 1
    most: int

    @abc.abstractmethod
    def set_effort(self, effort: int) -> None:
        """Searches so hard from now on."""

    @abc.abstractmethod
    def search(self, queries: np.ndarray, k: int) -> np.ndarray:
        """Returns int [B, k], best first, -1 where nothing is found."""

    @abc.abstractmethod
    def save(self, path: pathlib.Path) -> None:
        """Writes it to a file."""


class _Faiss(Index):
    index: faiss.Index

    def search(self, queries, k):
        return self.index.search(queries, k)[1]

    def save(self, path):
        faiss.write_index(self.index, str(path))


class Lists(_Faiss):
    """Inverted lists of the vectors themselves (faiss IVF)."""

    def __init__(self, vectors: np.ndarray):
        """Learns the lists and fills them."""
        count, dimension = vectors.shape
        most = count // _LEARNED_FROM
        lists = max(1, min(int(_LISTS_A_ROOT * count**0.5), most))
        self.most = lists
        self._quantizer = faiss.IndexFlatIP(dimension)
        self.index = faiss.IndexIVFFlat(
            self._quantizer, dimension, lists, faiss.METRIC_INNER_PRODUCT
        )
        rows = np.random.default_rng(0).permutation(count)
        self.index.train(vectors[rows[: lists * _LEARNED_FROM]])
        self.index.add(vectors)

    def set_effort(self, effort):
        """Reads so many lists."""
        self.index.nprobe = self.effort = effort


class FaissGraph(_Faiss):
    """A graph of neighbours (HNSW) in faiss."""

    def __init__(self, vectors: np.ndarray):
        """Links all vectors."""
        self.most = len(vectors)
        self.index = faiss.IndexHNSWFlat(
            vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT
        )
        self.index.hnsw.efConstruction = _CANDIDATES
        self.index.add(vectors)

    def set_effort(self, effort):
        """Keeps so many candidates."""
        self.index.hnsw.efSearch = self.effort = effort


class Graph(Index):
    """A graph of neighbours (HNSW) in hnswlib."""

    def __init__(self, vectors: np.ndarray):
        """Links all vectors."""
        self.most = len(vectors)
        self.index = hnswlib.Index(space="ip", dim=vectors.shape[1])
        self.index.init_index(
            max_elements=len(vectors), ef_construction=_CANDIDATES, M=_LINKS
        )
        self.index.add_items(vectors)
        self.index.set_num_threads(1)

    def set_effort(self, effort):
        """Keeps so many candidates."""
        self.effort = effort
        self.index.set_ef(effort)

    def search(self, queries, k):
        """Raises its effort to k, which hnswlib asks for."""
        if self.effort < k:
            self.set_effort(k)
        return self.index.knn_query(queries, k)[0]

    def save(self, path):
        """Writes it to a file."""
        self.index.save_index(str(path))


KINDS: dict[str, Callable[[np.ndarray], Index]] = {
    "faiss IVF": Lists,
    "faiss HNSW": FaissGraph,
}
if hnswlib is not None:
    KINDS["hnswlib"] = Graph


def recall(found: np.ndarray, expected: np.ndarray) -> float:
    """Returns the share of expected rows that were found, both [Q, k]."""
    pairs = zip(found, expected, strict=True)
    shared = sum(len(np.intersect1d(one, other)) for one, other in pairs)
    return shared / expected.size


def tune(
    index: Index, queries: np.ndarray, expected: np.ndarray, wanted: float
) -> int:
    """Sets and returns about the least effort that reaches a recall."""

    def enough(effort):
        index.set_effort(effort)
        found = index.search(queries, expected.shape[1])
        return recall(found, expected) >= wanted

    high = 1
    while high < index.most and not enough(high):
        high = min(2 * high, index.most)
    low = high // 2
    for _ in range(_NARROWED):
        middle = (low + high) // 2
        if middle in (low, high):
            break
        low, high = (low, middle) if enough(middle) else (middle, high)
    index.set_effort(high)
    return index.effort


def build(
    folder: pathlib.Path, vectors: np.ndarray
) -> tuple[dict[str, Index], dict]:
    """Builds all kinds with all processors; says what it took."""
    indexes: dict[str, Index] = {}
    told: dict[str, dict] = {}
    for name, kind in KINDS.items():
        begun = time.perf_counter()
        indexes[name] = kind(vectors)
        seconds = time.perf_counter() - begun
        path = folder / "index"
        indexes[name].save(path)
        told[name] = {
            "build_seconds": round(seconds, 2),
            "megabytes": round(path.stat().st_size / 1e6, 1),
        }
        path.unlink()
    versions = {
        package: importlib.metadata.version(package)
        for package in ("faiss-cpu", *(["hnswlib"] if hnswlib else []))
    }
    return indexes, {"built": told, "versions": versions}


def answer(task: dict, index: Index, queries: dict, k: int) -> float:
    """Does what a line asks for."""
    if task["do"] == "tune":
        expected = queries["tuned_rows"]
        return tune(index, queries["tuned"], expected, task["recall"])
    asked = queries["asked"]
    if task["do"] == "find":
        np.save(task["to"], index.search(asked, k))
        return 0
    parts = np.split(asked, len(asked) // task["batch"])
    begun = time.process_time()
    for place in task["places"]:
        index.search(parts[place], k)
    return time.process_time() - begun


def main(folder: pathlib.Path) -> None:
    """Builds, then answers till its input ends."""
    queries = {
        name: np.load(folder / f"{name}.npy")
        for name in ("tuned", "tuned_rows", "asked")
    }
    k = json.loads((folder / "problem.json").read_text())["k"]
    indexes, told = build(folder, np.load(folder / "vectors.npy"))
    (folder / "built.json").write_text(json.dumps(told))
    faiss.omp_set_num_threads(1)
    print(flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        said = answer(task, indexes[task["index"]], queries, k)
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
