"""What a query costs in each kind of index, single thread, in one run.

Contenders answer the same queries in turn, one after another, so that a busy
machine is busy for all; what counts is processor time, the median of the
rounds. Those of core ops run as they are served: saved and loaded again.
"""

import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.index import blocks, measuring, scann
from models.index.blocks_graph import BlocksIndex
from models.index.exact import ExactIndex
from models.index.settings import IndexSettings
from schema.errors import DataError

K = 100
BATCHES = (1, 8, 64)
# Of queries: for tuning, and for measuring recall and time.
_TUNED, _ASKED = 256, 512
# Shares of the catalogue that filters leave.
_SHARES = (0.5, 0.1, 0.01, 0.001)
_FILTERED = 64
_SEED = 9
_SEARCH_OF = ("query", "allowed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      items: N, at least 1,000.
      dimension: d, at least 8.
      recall: Asked for, above 0 and at most 1.
      rounds: At least 1.
      block_size: Items in a block.
    """

    items: int = 100_000
    dimension: int = 64
    recall: float = 0.95
    rounds: int = 7
    block_size: int = 64


# float32 [B, d] to int [B, K].
Search = Callable[[NDArray[np.float32]], np.ndarray]


def made_up(
    items: int, dimension: int, queries: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draws vectors of unit length as training leaves them.

    Items lie in clusters of unequal size, which share 32 directions and have
    some noise of their own; a query lies between two clusters.
    """
    rng = np.random.default_rng(_SEED)
    clusters = max(50, items // 500)
    shared = rng.normal(size=(32, dimension)) / np.sqrt(32)
    centres = rng.normal(size=(clusters, 32)) @ shared
    centres += 0.3 * rng.normal(size=centres.shape)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    size = 1 / np.sqrt(1 + np.arange(clusters))
    size /= size.sum()

    def around(middle):
        noise = rng.normal(size=middle.shape).astype(np.float32)
        vectors = middle.astype(np.float32) + 0.9 / np.sqrt(dimension) * noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(np.float32)

    vectors = around(centres[rng.choice(clusters, items, p=size)])
    one, other = rng.choice(clusters, (2, queries), p=size)
    return vectors, around(centres[one] + 0.5 * centres[other])


def bench(options: Options) -> dict:
    """Builds every kind of index and measures them.

    Returns:
      Under `indexes` by name: `build_seconds`, `megabytes` on disk, `recall`
      and `cpu_ms` a query by size of the batch; under `filtered` by the share
      of items that a filter leaves: `recall` and `cpu_ms` of blocks at the
      smallest batch, and the `slots` filled of those that could be.

    Raises:
      DataError: TensorFlow has begun with several threads.
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
    settings = IndexSettings(
        k=K, recall_target=options.recall, block_size=options.block_size
    )
    with tempfile.TemporaryDirectory() as path:
        folder = pathlib.Path(path)
        searches, told, filtered = _build(vectors, tuned, settings, folder)
        for name, search in searches.items():
            found = np.concatenate([search(part) for part in _parts(asked, 64)])
            told[name]["recall"] = round(
                measuring.measure_recall(vectors, asked, found, expected), 4
            )
            told[name]["cpu_ms"] = {}
        for batch in BATCHES:
            cost = _measure(searches, _parts(asked, batch), options.rounds)
            for name in searches:
                told[name]["cpu_ms"][str(batch)] = cost[name]
        return {
            **dataclasses.asdict(options),
            "indexes": told,
            "filtered": _filtered(filtered, vectors, asked[:_FILTERED]),
        }


def _build(vectors, tuned, settings, folder):
    searches: dict[str, Search] = {}
    told: dict[str, dict] = {}
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
        loaded[name] = _served(module, path)
        told[name] = _size(path, seconds)
        searches[name] = _unfiltered(loaded[name], len(vectors))
    told["blocks"] |= {"blocks": len(cut.rows), "searched": cut.searched}
    return searches, told, loaded["blocks"]


def _served(index, path):
    """Saves the search of an index and loads it again."""
    dimension = index.vectors.shape[-1]

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, dimension], tf.float32, _SEARCH_OF[0]),
            tf.TensorSpec([None, None], tf.bool, _SEARCH_OF[1]),
        ]
    )
    def search(query, allowed):
        return {"rows": index.search(query, K, allowed)[0]}

    tf.saved_model.save(index, str(path), signatures=search)
    model = tf.saved_model.load(str(path))
    signature = model.signatures["serving_default"]
    # The signature lives as long as the model.
    return lambda query, allowed, _=model: signature(
        query=tf.constant(query), allowed=allowed
    )["rows"].numpy()


def _unfiltered(search, num_rows):
    everything = {
        batch: tf.ones([batch, num_rows], tf.bool) for batch in BATCHES
    }
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


def _measure(searches, parts, rounds) -> dict[str, float]:
    """Returns processor milliseconds a query, the median of the rounds."""
    taken: dict[str, list[float]] = {name: [] for name in searches}
    names = list(searches)
    # As many queries in a round whatever the batch.
    each = max(1, 64 // len(parts[0]))
    for number in range(rounds + 1):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            chosen = [
                parts[(number * each + n) % len(parts)] for n in range(each)
            ]
            begun = time.process_time()
            for query in chosen:
                searches[name](query)
            spent = time.process_time() - begun
            if number:
                taken[name].append(1e3 * spent / (each * len(parts[0])))
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
