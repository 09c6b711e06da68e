"""Requests of any kind and clients that break off: good ones are answered."""

import ctypes
import gc
import os
import pathlib

import pytest

from benchmarks.serving import faults, soak
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
def no_collection():
    """Leaves what refers to itself where it is."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def resident():
    """Returns the bytes that are held, without what is only kept for later.

    The C library keeps what threads freed in a store for each of them, up to
    the size of a request here.
    """
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def test_large_requests_are_let_go_of(attacked, no_collection):
    told = faults.large(attacked, 10)
    assert told == {"gRPC": "NOT_FOUND", "REST": 400}
    before = resident()
    for _ in range(5):
        faults.large(attacked, 10)
    # An error that held on to its request would add 20 MB each time.
    assert resident() - before < 50_000_000
