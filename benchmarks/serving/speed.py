"""What the server costs beside the graph itself, and how it stands a crowd.

Three servables: a shop's `recommend`, a ranker of 100 candidates and a line.
Clients in processes of their own ask over gRPC, one request each on its way;
a process without a server runs the same graphs on the same requests. All take
turns in rounds, so that a busy machine is busy for all, and medians count.
`daogou bench server` runs it.
"""

import base64
import contextlib
import dataclasses
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.serving import made_up
from benchmarks.serving.processes import Server, Worker
from benchmarks.text import machine
from schema.errors import DataError
from serving import protos, tensors

# From the start of a job until its calls count.
_WARM_SECONDS = 0.5
_PERCENTILES = (50, 95, 99)
# Joins what has come; waits for more as long as a row of the shop takes.
_BATCHING = """max_batch_size {{ value: 32 }}
batch_timeout_micros {{ value: {timeout} }}
max_enqueued_batches {{ value: 100 }}
num_batch_threads {{ value: 2 }}
pad_variable_length_inputs: true
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      items: Of the made-up shop.
      servable: A version folder to ask instead of the made-up shop.
      clients: How many at once, for each measurement.
      seconds: Of each measurement.
      rounds: Turns of each; their median counts.
      deadline_seconds: Of each call; 0 for none. With one, the graph runs in
        TensorFlow's threads, not in the thread that asks.
      batch_timeout_micros: How long a batch waits to fill.
      processes: Servers on one port.
      models: Which of `shop`, `ranker` and `line`.
    """

    items: int = 100_000
    servable: pathlib.Path | None = None
    clients: tuple[int, ...] = (1, 8, 32)
    seconds: float = 4.0
    rounds: int = 3
    deadline_seconds: float = 5.0
    batch_timeout_micros: int = 2000
    processes: int = 1
    models: tuple[str, ...] = ("shop", "ranker", "line")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Servable:
    """A version, and requests to it, serialised."""

    path: pathlib.Path
    requests: list[bytes]

    def job(self) -> dict:
        return {
            "requests": [base64.b64encode(r).decode() for r in self.requests]
        }


def bench(options: Options) -> dict:
    """Measures; starts and ends all processes that it needs.

    Returns:
      For each servable the cost in process, and for each way of serving and
      number of clients the answers a second, percentiles of their time and
      the server's processor time for one.

    Raises:
      DataError: A servable has no request to ask it with, or calls failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        servables = _servables(folder, options)
        (folder / "batching.config").write_text(
            _BATCHING.format(timeout=options.batch_timeout_micros)
        )
        flags = {
            "port": 0,
            "model_config_file": folder / "models.config",
            "file_system_poll_wait_seconds": 0,
        }
        with contextlib.ExitStack() as stack:
            started = time.perf_counter()
            ways = {"plain": [stack.enter_context(Server(**flags))]}
            start_seconds = time.perf_counter() - started
            ways["batching"] = [
                stack.enter_context(
                    Server(
                        enable_batching=True,
                        batching_parameters_file=folder / "batching.config",
                        **flags,
                    )
                )
            ]
            if options.processes > 1:
                ways[f"{options.processes} processes"] = list(
                    _on_one_port(stack, options.processes, flags)
                )
            workers = [
                stack.enter_context(Worker("benchmarks.serving.load"))
                for _ in range(2)
            ]
            alone = stack.enter_context(Worker("benchmarks.serving.in_process"))
            found = [
                _round(servables, ways, workers, alone, options)
                for _ in range(options.rounds)
            ]
            resident = ways["plain"][0].resident_bytes()
    return {
        "machine": machine(),
        "options": {
            name: str(value) if isinstance(value, pathlib.Path) else value
            for name, value in dataclasses.asdict(options).items()
        },
        "server": {
            "start_seconds": round(start_seconds, 1),
            "resident_mb": round(resident / 1e6),
        },
        "servables": {
            name: _summary([one[name] for one in found], options.clients)
            for name in servables
        },
        "load_average": [round(load, 1) for load in os.getloadavg()],
    }


def _servables(folder: pathlib.Path, options: Options) -> dict[str, _Servable]:
    """Writes the servables and their configuration."""
    servables = {}
    for name in options.models:
        path = folder / name / "1"
        signature = "serving_default"
        if name == "shop":
            signature = "recommend"
            if options.servable is not None:
                path.parent.mkdir()
                path.symlink_to(options.servable.absolute())
            else:
                made_up.write_shop(path, options.items)
            inputs = made_up.shop_inputs(path)
        elif name == "ranker":
            made_up.write_ranker(path)
            inputs = made_up.ranker_inputs()
        else:
            made_up.write_line(path)
            inputs = made_up.line_inputs()
        if not inputs:
            raise DataError(f"{path} has no warm-up request to recommend")
        servables[name] = _Servable(
            path=path,
            requests=[request_of(name, signature, one) for one in inputs],
        )
    made_up.write_config(folder, servables)
    return servables


def request_of(model: str, signature: str, inputs: dict) -> bytes:
    """Returns a serialised PredictRequest of a signature's inputs."""
    request = protos.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        tensors.encode(array, request.inputs[name], as_content=True)
    return request.SerializeToString()


def _on_one_port(
    stack: contextlib.ExitStack, count: int, flags: dict
) -> Iterator[Server]:
    """Starts servers that the system gives connections in turn."""
    port = 0
    for _ in range(count):
        server = stack.enter_context(
            Server(
                grpc_channel_arguments="grpc.so_reuseport=1",
                **flags | {"port": port},
            )
        )
        port = server.port
        yield server


def _round(
    servables: dict[str, _Servable],
    ways: dict[str, list[Server]],
    workers: Sequence[Worker],
    alone: Worker,
    options: Options,
) -> dict:
    """Measures everything once."""
    found: dict = {}
    for name, servable in servables.items():
        alone.send(
            servable.job()
            | {"path": str(servable.path), "seconds": options.seconds}
        )
        found[name] = {"in process": alone.result()}
        for clients in options.clients:
            for way, servers in ways.items():
                found[name][way, clients] = _ask(
                    servable, servers, workers, clients, options
                )
    return found


def _ask(
    servable: _Servable,
    servers: list[Server],
    workers: Sequence[Worker],
    clients: int,
    options: Options,
) -> dict:
    """Lets clients ask for a while."""
    shares = [
        clients // len(workers) + (n < clients % len(workers))
        for n in range(len(workers))
    ]
    taking_part = [
        (worker, share)
        for worker, share in zip(workers, shares, strict=True)
        if share
    ]
    begin = time.time() + _WARM_SECONDS
    end = begin + options.seconds
    for worker, share in taking_part:
        worker.send(
            servable.job()
            | {
                "target": servers[0].target,
                "clients": share,
                "begin": begin,
                "end": end,
                "deadline_seconds": options.deadline_seconds or None,
            }
        )
    time.sleep(max(0.0, begin - time.time()))
    cpu = sum(server.cpu_seconds() for server in servers)
    time.sleep(max(0.0, end - time.time()))
    cpu = sum(server.cpu_seconds() for server in servers) - cpu
    told = [worker.result() for worker, _ in taking_part]
    if wrong := [one["errors"] for one in told if one["errors"]]:
        raise DataError(f"calls failed: {wrong}")
    took = np.concatenate([one["milliseconds"] for one in told])
    if not len(took):
        raise DataError("no call was answered; give more --seconds")
    return {
        "qps": len(took) / options.seconds,
        "cpu_ms": cpu / len(took) * 1e3,
    } | {f"p{n}_ms": float(np.percentile(took, n)) for n in _PERCENTILES}


def _summary(rounds: list[dict], clients: Sequence[int]) -> dict:
    """Returns medians over rounds; ratios are taken within a round."""
    alone = [one["in process"] for one in rounds]
    summary: dict = {
        "in process": {
            key: _median(one[key] for one in alone) for key in ("ms", "cpu_ms")
        }
    }
    ways = dict.fromkeys(key[0] for key in rounds[0] if key != "in process")
    for way in ways:
        summary[way] = {}
        for count in clients:
            own = [one[way, count] for one in rounds]
            figures = {key: _median(o[key] for o in own) for key in own[0]}
            figures["cpu_over_in_process"] = _median(
                o["cpu_ms"] / a["cpu_ms"]
                for o, a in zip(own, alone, strict=True)
            )
            figures["p99_over_p50"] = _median(
                o["p99_ms"] / o["p50_ms"] for o in own
            )
            if way != "plain":
                figures["qps_over_plain"] = _median(
                    o["qps"] / one["plain", count]["qps"]
                    for o, one in zip(own, rounds, strict=True)
                )
            summary[way][str(count)] = figures
    return summary


def _median(values) -> float:
    return round(statistics.median(values), 3)
