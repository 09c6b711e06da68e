"""Requests of any kind and clients that break off: good ones are answered."""

import pytest

from benchmarks.serving import faults, processes, soak
from benchmarks.serving.fuzz import Fuzz
from tests.serving.foreign_models import EXAMPLES, HALF, KERAS

SIGNATURES = {
    HALF: ["", "half_plus_three", "add", "times", "strings", "types"],
    EXAMPLES: ["", "regress", "context", "scores_only"],
    KERAS: [""],
    "nope": [""],
    "": ["x"],
}
INPUTS = ["x", "a", "b", "text", "inputs", "petals", "by", "n32", "half"]
# Noise would reconfigure the server that all tests share.
METHODS = [name for name in soak.METHODS if not name.endswith("ConfigRequest")]


@pytest.fixture(scope="module")
def attacked(server):
    return soak.line_target(server.port, server.rest_api_port, HALF, two=3.0)


def test_requests_of_any_kind(attacked):
    drawn = Fuzz(3, SIGNATURES, INPUTS)
    found = faults.fuzz(attacked, drawn, METHODS, 2000)
    assert sum(found.values()) == 2000
    # Of each kind some, or nothing was tried.
    for status in (
        *("gRPC OK", "gRPC INVALID_ARGUMENT", "gRPC NOT_FOUND"),
        *("gRPC INTERNAL", "gRPC FAILED_PRECONDITION"),
        *("REST 200", "REST 400", "REST 404"),
    ):
        assert found[status] > 2, found


def test_noise_on_both_ports(attacked):
    assert faults.garbage(attacked, 30) == {"gRPC": 30, "REST": 30}


def test_clients_that_break_off(attacked):
    assert faults.half_open(attacked, 60) == {"opened": 60}


def test_slow_clients_hold_nobody_up(attacked):
    found = faults.slow(attacked, 40, 1.0)
    assert found["good"] > 1
    assert found["slowest_seconds"] < 10


def test_connections_that_ask_nothing(attacked):
    found = faults.many_connections(attacked, 400)
    assert found["open"] == 400
    assert found["slowest_seconds"] < 10


@pytest.fixture
def alone(models, tmp_path, monkeypatch):
    """A server in a process of its own, whose memory is what it holds.

    Nothing collects what refers to itself, and what is freed goes back to the
    system at once, where the C library would keep it for each thread.
    """
    (tmp_path / "sitecustomize.py").write_text("import gc\n\ngc.disable()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1000000")
    flags = {"model_name": HALF, "model_base_path": str(models / HALF)}
    with processes.Server(port=0, rest_api_port=-1, **flags) as server:
        yield server


def test_large_requests_are_let_go_of(alone):
    target = soak.line_target(alone.port, alone.rest_api_port, HALF, two=3.0)
    told = faults.large(target, 10)
    assert told == {"gRPC": "NOT_FOUND", "REST": 400}
    before = alone.resident_bytes()
    for _ in range(5):
        faults.large(target, 10)
    # An error that held on to its request would add 20 MB each time.
    assert alone.resident_bytes() - before < 50_000_000
