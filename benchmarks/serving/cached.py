"""What a cache of answers saves, on requests as unequal as those of a shop.

Searches without a person and items to find similar ones to are drawn by
Zipf's law; the same list goes to a server without a cache and to one with it,
in turns.
"""

import pathlib
import time

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schema.errors import DataError
from serving.client import Client, ClientSettings
from serving.model_server.server import ModelServer
from serving.model_server.settings import ServerSettings
from serving.requests import Request

_MODEL = "daogou"
_K = 10
# One for all: with the second in them no two requests would be alike.
_NOW = 1_700_000_000


def run(
    base_path: pathlib.Path,
    queries: list[str],
    item_ids: list[str],
    *,
    requests: int = 600,
    rounds: int = 3,
    exponent: float = 1.0,
    cache_mb: int = 64,
    seed: int = 0,
) -> dict:
    """Measures both servers.

    Args:
      base_path: Of the model, as TensorFlow Serving has it.
      queries: Search texts, the most frequent first.
      item_ids: Items, the most popular first.
      requests: Of each round.
      rounds: Turns of each server.
      exponent: Of Zipf's law, which draws both.
      cache_mb: Room of the cache.
      seed: Of the draw.

    Returns:
      Of each server milliseconds a request (median and 99th percentile) and
      processor milliseconds, client included; and what the cache counted.
    """
    drawn = _draws(queries, item_ids, rounds * requests, exponent, seed)
    servers = {}
    try:
        for name, room in (("without", 0), ("with", cache_mb)):
            servers[name] = ModelServer(
                ServerSettings(
                    port=0,
                    model_name=_MODEL,
                    model_base_path=str(base_path.absolute()),
                    result_cache_mb=room,
                    result_cache_seconds=3600,
                )
            )
            servers[name].start()
        found: dict[str, list] = {name: [] for name in servers}
        for turn in range(rounds):
            part = drawn[turn * requests : (turn + 1) * requests]
            for name, server in servers.items():
                found[name].append(_round(server.port, part))
        counts = servers["with"].cache_counts()
    finally:
        for server in servers.values():
            server.stop()
    return {
        "requests": len(drawn),
        "distinct": len(set(drawn)),
        "servers": {
            name: {
                "p50_ms": _median(np.median(times) for times, _ in turns),
                "p99_ms": _median(
                    np.quantile(times, 0.99) for times, _ in turns
                ),
                "cpu_ms": _median(cpu for _, cpu in turns),
            }
            for name, turns in found.items()
        },
        "hit_rate": counts.hits / (counts.hits + counts.misses),
        "cache_bytes": counts.bytes,
        "cache_entries": counts.entries,
    }


def frequent(data_dir: pathlib.Path) -> tuple[list[str], list[str]]:
    """Returns search texts and items of a log, the most frequent first.

    Args:
      data_dir: The contract tables of a run.

    Raises:
      DataError: The log has no searches or no clicks.
    """
    found = []
    for event_type, column in (("search", "query"), ("click", "item_id")):
        table = pq.read_table(
            data_dir / "events",
            columns=[column],
            filters=pc.field("event_type") == event_type,
        )
        counts = table[column].drop_null().value_counts()
        if not len(counts):
            raise DataError(
                f"{data_dir}/events has no {event_type} with a {column}: "
                "there is nothing to ask"
            )
        order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")
        found.append(counts.field("values").take(order).to_pylist())
    return found[0], found[1]


def _median(figures):
    return float(np.median(list(figures)))


def _draws(queries, item_ids, number, exponent, seed):
    rng = np.random.default_rng(seed)
    drawn = []
    for kind, names in (("search", queries), ("similar", item_ids)):
        chances = np.arange(1, len(names) + 1) ** -exponent
        rows = rng.choice(len(names), number, p=chances / chances.sum())
        drawn.append([(kind, names[row]) for row in rows])
    kinds = rng.integers(0, 2, number)
    return [drawn[kind][place] for place, kind in enumerate(kinds)]


def _round(port, part):
    """Returns ms of each request, and processor ms a request."""
    times = []
    settings = ClientSettings(model=_MODEL)
    with Client(f"127.0.0.1:{port}", settings) as client:
        client.available_versions()
        begin = time.process_time()
        for kind, name in part:
            start = time.perf_counter()
            if kind == "search":
                client.search(Request(query=name, timestamp=_NOW), _K)
            else:
                client.similar([name], _K)
            times.append(1000 * (time.perf_counter() - start))
        cpu = 1000 * (time.process_time() - begin) / len(part)
    return times, cpu
