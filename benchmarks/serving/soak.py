"""All faults, one after the other, against `daogou serve`.

`daogou bench faults` runs it. The server keeps to its bounds when its memory,
threads and open files after all of it are near those before.
"""

import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Callable

import numpy as np

from benchmarks.serving import faults, made_up
from benchmarks.serving.fuzz import Fuzz
from benchmarks.serving.processes import Server
from benchmarks.text import machine
from serving import protos, tensors
from serving.model_server import grpc_front

MODELS = {
    "shop": ["recommend", "search", "similar", "rank"],
    "ranker": [""],
    "line": [""],
    "nope": [""],
    "": ["x"],
}
INPUTS = (
    "x",
    "features",
    "item_ids",
    "k",
    "exclude_item_ids",
    "history_item_ids",
    "history_timestamps",
    "timestamp",
    "query",
)
METHODS = [
    f"/{service}/{method}"
    for service, methods in grpc_front.METHODS.items()
    for method in methods
]
_SETTLING_SECONDS = 30.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """How much of everything.

    Attributes:
      requests: Fuzzed ones.
      connections: Open at once.
      megabytes: Of the largest request.
      slow_seconds: How long slow clients go on.
      seed: Of the fuzzed requests.
    """

    requests: int = 100_000
    connections: int = 2000
    megabytes: int = 100
    slow_seconds: float = 10.0
    seed: int = 3


def soak(options: Options, say: Callable[[str], object]) -> dict:
    """Starts a server, does everything to it, and ends it under load.

    Args:
      options: How much.
      say: Is told what begins.

    Returns:
      What each part counted, and what the server held before and after.

    Raises:
      WrongAnswerError: An answer was wrong, or the server fell.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        models = _write_models(folder)
        with Server(
            port=0,
            rest_api_port=-1,
            model_config_file=models,
            # Noise must not reconfigure what is under test.
            enable_model_reload=False,
            max_rest_connections=options.connections + 100,
        ) as server:
            target = line_target(server.port, server.rest_api_port)
            drawn = Fuzz(options.seed, MODELS, INPUTS)
            # What is made at first use is not a leak.
            faults.fuzz(target, drawn, METHODS, 2000)
            faults.large(target, options.megabytes)
            before = _held(server)
            parts: dict[str, Callable[[], dict]] = {
                "fuzzed requests": lambda: faults.fuzz(
                    target, drawn, METHODS, options.requests
                ),
                "garbage on both ports": lambda: faults.garbage(target, 300),
                "half-open connections": lambda: faults.half_open(target, 400),
                "slow clients": lambda: faults.slow(
                    target, 100, options.slow_seconds
                ),
                "many connections": lambda: faults.many_connections(
                    target, options.connections
                ),
                "large requests": lambda: faults.large(
                    target, options.megabytes
                ),
            }
            found = {}
            for part, do in parts.items():
                say(part)
                began = time.perf_counter()
                found[part] = do()
                found[part]["seconds"] = round(time.perf_counter() - began, 1)
            after = _settled(server, before)
            say("SIGTERM under load")
            found["SIGTERM under load"] = faults.stop_under_load(
                target, server.request_stop, clients=16, seconds=2.0
            )
            code = server.popen.wait(60)
            if code:
                raise faults.WrongAnswerError(
                    f"the server ended with code {code}: {server.said()[-500:]}"
                )
    return {
        "machine": machine(),
        "options": dataclasses.asdict(options),
        "parts": found,
        "before": before,
        "after": after,
    }


def line_target(
    port: int, rest_api_port: int, model: str = "line", two: float = 2.0
) -> faults.Target:
    """Returns a server whose model answers x / 2 + `two`, as a target."""
    request = protos.PredictRequest()
    request.model_spec.name = model
    x = np.array([1.0, 2.0], np.float32)
    tensors.encode(x, request.inputs["x"])

    def check(answer: bytes) -> bool:
        outputs = protos.PredictResponse.FromString(answer).outputs
        return tensors.decode(outputs["y"]).tolist() == (x / 2 + two).tolist()

    return faults.Target(
        port=port,
        rest_api_port=rest_api_port,
        request=request.SerializeToString(),
        check=check,
    )


def _write_models(folder: pathlib.Path) -> pathlib.Path:
    made_up.write_shop(folder / "shop" / "1", 1000)
    made_up.write_ranker(folder / "ranker" / "1")
    made_up.write_line(folder / "line" / "1")
    return made_up.write_config(folder, ("shop", "ranker", "line"))


def _held(server: Server) -> dict:
    return {
        "resident_mb": round(server.resident_bytes() / 1e6),
        "threads": server.threads(),
        "open_files": server.open_files(),
    }


def _settled(server: Server, before: dict) -> dict:
    """Waits until what was opened is closed, as long as that may take."""
    end = time.monotonic() + _SETTLING_SECONDS
    while time.monotonic() < end:
        if server.open_files() <= before["open_files"]:
            break
        time.sleep(0.5)
    return _held(server)
