"""What a query costs in each kind of index, single thread, in one run.

Contenders answer the same queries in turn, one after another, so that a busy
machine is busy for all; what counts is processor time, the median of the
rounds. Those of core ops run as they are served: saved and loaded again.
"""

import contextlib
import dataclasses
import pathlib
import tempfile
import time
import typing
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.index.peers import Peers
from benchmarks.index.vectors import made_up
from models.index import blocks, measuring, scann
from models.index.allowed import Allowed
from models.index.blocks_graph import BlocksIndex
from models.index.exact import ExactIndex
from models.index.settings import IndexSettings
from schema.errors import DataError

K = 100
BATCHES = (1, 8, 64)
# Of queries: for tuning, and for measuring recall and time.
_TUNED, _ASKED = 256, 512
# Queries of a contender's turn, whatever the batch.
_TURN = 64
# Shares of the catalogue that filters leave.
_SHARES = (0.5, 0.1, 0.01, 0.001)
_FILTERED = 64
_SEED = 9


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      items: N, at least 1,000.
      dimension: d, at least 8.
      recalls: Asked for, one after another; each above 0 and at most 1.
      rounds: At least 1.
      block_size: Items in a block.
      peers: Whether faiss and hnswlib run beside.
    """

    items: int = 100_000
    dimension: int = 64
    recalls: tuple[float, ...] = (0.95,)
    rounds: int = 7
    block_size: int = 64
    peers: bool = True


class Contender(typing.Protocol):
    """An index that is measured."""

    def find(self) -> np.ndarray:
        """Returns the rows found for all asked queries, int [Q, K]."""

    def spend(self, batch: int, places: list[int]) -> float:
        """Asks some batches of queries; returns the processor seconds."""


@dataclasses.dataclass(frozen=True)
class Ours:
    """An index in this process: queries [B, d] to rows [B, K]."""

    search: Callable[[NDArray[np.float32]], np.ndarray]
    asked: NDArray[np.float32]

    def find(self) -> np.ndarray:
        """Returns the rows found for all asked queries, int [Q, K]."""
        parts = _parts(self.asked, max(BATCHES))
        return np.concatenate([self.search(part) for part in parts])

    def spend(self, batch: int, places: list[int]) -> float:
        """Asks some batches of queries; returns the processor seconds."""
        parts = _parts(self.asked, batch)
        begun = time.process_time()
        for place in places:
            self.search(parts[place])
        return time.process_time() - begun


@dataclasses.dataclass(frozen=True)
class Peer:
    """An index of another library, in its process."""

    peers: Peers
    name: str

    def find(self) -> np.ndarray:
        """Returns the rows found for all asked queries, int [Q, K]."""
        return self.peers.find(self.name)

    def spend(self, batch: int, places: list[int]) -> float:
        """Asks some batches of queries; returns the processor seconds."""
        return self.peers.spend(self.name, batch, places)


def bench(options: Options) -> dict:
    """Builds every kind of index and measures them.

    Returns:
      `built`: by name `build_seconds` and `megabytes` on disk; `measured`: by
      the recall asked for and name `recall`, `cpu_ms` a query by size of the
      batch, and how hard it searches as `effort`; `filtered`: of blocks at
      the first recall, by the share of items that a filter leaves, `recall`,
      `cpu_ms` alone, and the `slots` filled of those that could be; of the
      peers `versions`, and as `missing` why one could not run.

    Raises:
      DataError: TensorFlow has begun with several threads.
      MissingDependencyError: The peers' environment cannot be made.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise DataError(
            "TensorFlow has begun with other threads; run this in a process "
            "of its own"
        ) from error
    vectors, queries = made_up(
        options.items, options.dimension, _TUNED + _ASKED
    )
    tuned, asked = queries[:_TUNED], queries[_TUNED:]
    expected = measuring.exact_neighbours(vectors, asked, K)
    result: dict[str, typing.Any] = {
        **dataclasses.asdict(options),
        "built": {},
        "measured": {},
        "filtered": {},
    }
    with contextlib.ExitStack() as open_till_the_end:
        folder = pathlib.Path(
            open_till_the_end.enter_context(tempfile.TemporaryDirectory())
        )
        peers = None
        for recall in options.recalls:
            settings = IndexSettings(
                k=K, recall_target=recall, block_size=options.block_size
            )
            contenders, told, filtered = _build(
                vectors, tuned, asked, settings, folder / str(recall)
            )
            # After ours, which take a minute where graphs take half an hour.
            if options.peers and peers is None:
                peers = open_till_the_end.enter_context(
                    Peers.started(
                        vectors,
                        tuned=tuned,
                        tuned_rows=measuring.exact_neighbours(
                            vectors, tuned, K
                        ),
                        asked=asked,
                    )
                )
                result |= {"versions": peers.versions, "missing": peers.missing}
            effort = {"blocks": told["blocks"].pop("searched")}
            if peers:
                for name in peers.built:
                    contenders[name] = Peer(peers, name)
                    effort[name] = peers.tune(name, recall)
                told |= peers.built
            result["built"] |= told
            result["measured"][str(recall)] = {
                name: {
                    "recall": round(
                        measuring.measure_recall(
                            vectors, asked, contender.find(), expected
                        ),
                        4,
                    ),
                    "cpu_ms": {},
                    **({"effort": effort[name]} if name in effort else {}),
                }
                for name, contender in contenders.items()
            }
            for batch in BATCHES:
                cost = _measure(contenders, batch, options.rounds)
                for name, row in result["measured"][str(recall)].items():
                    row["cpu_ms"][str(batch)] = cost[name]
            result["filtered"] = result["filtered"] or _filtered(
                filtered, vectors, asked[:_FILTERED]
            )
    return result


def _build(vectors, tuned, asked, settings, folder):
    searches, told = {}, {}
    begun = time.perf_counter()
    index = scann.train(vectors, tuned, settings)
    index.save(folder / "scann")
    built = time.perf_counter() - begun
    nothing = np.zeros((max(BATCHES), 0), np.int32)
    searches["scann, pybind"] = lambda query: index.search(
        query, K, nothing[: len(query)]
    )[0]
    told["scann, pybind"] = _size(folder / "scann", built)
    begun = time.perf_counter()
    leaves = scann.leaves_of(folder / "scann", len(vectors))
    cut = blocks.make(vectors, leaves, tuned, settings)
    cutting = time.perf_counter() - begun
    items = ExactIndex(vectors)
    loaded = {}
    for name, module, seconds in (
        ("exact", items, 0.0),
        ("blocks", BlocksIndex(items, cut), built + cutting),
    ):
        path = folder / name
        loaded[name] = _served(module, path, vectors.shape[1])
        told[name] = _size(path, seconds)
        searches[name] = _unfiltered(loaded[name])
    told["blocks"] |= {"blocks": len(cut.rows), "searched": cut.searched}
    contenders: dict[str, Contender] = {
        name: Ours(search, asked) for name, search in searches.items()
    }
    return contenders, told, loaded["blocks"]


def _served(index, path, dimension):
    """Saves the search of an index and loads it again."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, dimension], tf.float32, "query"),
            tf.TensorSpec([None, None], tf.bool, "fits"),
        ]
    )
    def search(query, fits):
        return {"rows": index.search(query, K, Allowed.fitting(fits))[0]}

    tf.saved_model.save(index, str(path), signatures=search)
    model = tf.saved_model.load(str(path))
    signature = model.signatures["serving_default"]
    # The signature lives as long as the model.
    return lambda query, fits, _=model: signature(
        query=tf.constant(query), fits=fits
    )["rows"].numpy()


def _unfiltered(search):
    everything = {batch: Allowed.everything(batch).fits for batch in BATCHES}
    return lambda query: search(query, everything[len(query)])


def _parts(queries, batch):
    return np.split(queries, len(queries) // batch)


def _size(path, seconds):
    files = path.rglob("*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    return {
        "build_seconds": round(seconds, 2),
        "megabytes": round(size / 1e6, 1),
    }


def _measure(
    contenders: dict[str, Contender], batch: int, rounds: int
) -> dict[str, float]:
    """Returns processor milliseconds a query, the median of the rounds."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    each, batches = max(1, _TURN // batch), _ASKED // batch
    for number in range(rounds + 1):
        turn = number % len(names)
        places = [(number * each + n) % batches for n in range(each)]
        for name in [*names[turn:], *names[:turn]]:
            spent = contenders[name].spend(batch, places)
            if number:
                taken[name].append(1e3 * spent / (each * batch))
    return {
        name: round(float(np.median(spent)), 3) for name, spent in taken.items()
    }


def _filtered(search, vectors, queries):
    """Measures the search in blocks under filters drawn at random."""
    rng = np.random.default_rng(_SEED)
    told = {}
    for share in _SHARES:
        allowed = rng.random(len(vectors)) < share
        rows = np.flatnonzero(allowed)
        mask = tf.constant(allowed[np.newaxis])
        nearest = measuring.exact_neighbours(
            vectors[rows], queries, min(K, len(rows))
        )
        search(queries[:1], mask)
        begun = time.process_time()
        found = np.concatenate(
            [search(queries[n : n + 1], mask) for n in range(len(queries))]
        )
        spent = time.process_time() - begun
        there = found >= 0
        assert allowed[found[there]].all()
        told[str(share)] = {
            "recall": round(
                measuring.measure_recall(
                    vectors, queries, found, rows[nearest]
                ),
                4,
            ),
            "slots": round(float(there.sum() / nearest.size), 4),
            "cpu_ms": round(1e3 * spent / len(queries), 3),
        }
    return told
