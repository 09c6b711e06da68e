"""What a call of the servable costs in this process, and what of it where.

Histories of 50 steps drawn from the catalogue, the same for all parts; parts
and whole calls take turns in every round. `daogou bench servable` runs it.
"""

import dataclasses
import pathlib
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks.text import machine
from components.item_index.building import examples_of
from components.servable.queries import frequent_queries
from models.requests import REQUEST
from models.serving_graph.settings import ServableSettings
from serving import calls
from serving.in_process import Recommender
from serving.requests import Page, Request

STEPS = 50
BATCHES = (1, 8, 32)
CANDIDATES = 200
QUERY = "无线鼠标 静音"
TRAIN, EVAL = "Split-sequence_train", "Split-sequence_eval"
QUERY_FEATURE = tf.io.FixedLenFeature([], tf.string, b"")
_SEED = 1
_WARM_UP = 3
_NOW = 1_700_000_000
_EVENTS = ("view", "click", "favorite", "cart", "buy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How much is measured.

    Attributes:
      k: Items that are asked for.
      rounds: Calls of each kind that count, at least 1.
    """

    k: int = 20
    rounds: int = 50


def run(
    servable: pathlib.Path, examples: pathlib.Path, options: Options
) -> dict:
    """Measures calls of several batch sizes.

    Args:
      servable: The version folder.
      examples: Behaviour that it was made from, with a folder a split.
      options: How much.

    Returns:
      `items`, `k`, `history`, `rounds`, `machine`, and under `batches`, for
      each size, milliseconds (`p50`, `p99`) of `recommend`, of `recommend`
      with reasons (`explained`), of `search` for words that nobody used yet,
      of one whose vector is kept (`known`), and of parts: `encode` (tokenise
      and encode a search), `query` (query tower and neighbours), `rank` (of
      200 candidates, with that query). What is left of `recommend` is filters,
      search in the index, and what is shown. `known_queries` says how many are
      kept where they come from the training alone, how many searches were put
      later, and which share of those they are.
    """
    Recommender(servable)  # registers the ops
    loaded = tf.saved_model.load(str(servable))
    item_ids = loaded.table.item_ids.numpy()
    most = ServableSettings().known_queries
    known = frequent_queries([examples / TRAIN], most)
    batches = {
        size: _measure(
            _parts(loaded, item_ids, known, size, options.k), options
        )
        for size in BATCHES
    }
    later = _searches(examples / EVAL)
    return {
        "items": len(item_ids),
        "k": options.k,
        "history": STEPS,
        "rounds": options.rounds,
        "batches": batches,
        "known_queries": {
            "kept": len(known),
            "later": len(later),
            "hits": sum(query in set(known) for query in later)
            / max(1, len(later)),
        },
        "machine": machine(),
    }


def _searches(split: pathlib.Path) -> list[bytes]:
    found: list[bytes] = []
    for rows in examples_of(split).batch(1024):
        parsed = tf.io.parse_example(rows, {"query": QUERY_FEATURE})
        found += [query for query in parsed["query"].numpy() if query]
    return found


def _measure(parts: dict[str, Callable], options: Options) -> dict:
    taken: dict[str, list[float]] = {name: [] for name in parts}
    for number in range(_WARM_UP + options.rounds):
        for name, call in parts.items():
            begun = time.perf_counter()
            call()
            if number >= _WARM_UP:
                taken[name].append(1000 * (time.perf_counter() - begun))
    return {
        name: {
            f"p{share}": round(float(np.percentile(values, share)), 2)
            for share in (50, 99)
        }
        for name, values in taken.items()
    }


def _parts(
    loaded, item_ids, known: list[bytes], size: int, k: int
) -> dict[str, Callable]:
    plain = _batch(item_ids, size, k, query="", page=Page())
    explained = _batch(item_ids, size, k, query="", page=Page(explain=True))
    searched = _batch(item_ids, size, k, query=QUERY, page=Page())
    request = {feature.name: plain[feature.name] for feature in REQUEST}
    queries = searched["query"]
    text = loaded.model.encode_queries(plain["query"])
    retrieved = loaded.model.retrieve(request, text)
    rng = np.random.default_rng(_SEED)
    rows = tf.constant(
        rng.integers(len(item_ids), size=(size, CANDIDATES)), tf.int32
    )
    parts: dict[str, Callable] = {
        "recommend": lambda: loaded.signatures["recommend"](**plain),
        "explained": lambda: loaded.signatures["recommend"](**explained),
        "search": lambda: loaded.signatures["search"](**searched),
        "encode": lambda: loaded.model.encode_queries(queries),
        "query": lambda: loaded.model.retrieve(request, text),
        "rank": lambda: loaded.model.rank_scores(
            request, text, retrieved, rows
        ),
    }
    if known:
        often = [known[n % len(known)] for n in range(size)]
        kept = {**searched, "query": tf.constant(often)}
        parts["known"] = lambda: loaded.signatures["search"](**kept)
    return parts


def _batch(item_ids, size, k, *, query, page) -> dict[str, tf.Tensor]:
    """Returns the inputs of requests of several users as one."""
    rng = np.random.default_rng(_SEED)
    rows = []
    for _ in range(size):
        chosen = rng.choice(item_ids, STEPS)
        request = Request(
            history_item_ids=[item.decode() for item in chosen],
            history_event_types=rng.choice(_EVENTS, STEPS).tolist(),
            history_queries=[""] * STEPS,
            history_timestamps=list(range(_NOW - STEPS, _NOW)),
            timestamp=_NOW,
            query=query,
        )
        rows.append(calls.recommend(request, k, page=page))
    return {
        name: tf.constant(np.concatenate([row[name] for row in rows]))
        for name in rows[0]
    }
