"""What clients and networks do to a server, on purpose.

Each function does one of it to a running server, asks good requests in
between, and returns what it counted; it raises where an answer is wrong.
All of it goes to this machine, and is bounded in count and time.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import http.client
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Sequence

import grpc
import numpy as np

from benchmarks.serving.fuzz import Fuzz
from schema.errors import DaogouError
from serving import protos, tensors

_HOST = "127.0.0.1"
_SECONDS = 120
_PREFACE = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
)
_HEAD = b"POST /v1/models/line:predict HTTP/1.1\r\nHost: x\r\n"
_MEGABYTE = 1_000_000
# How often a good request is asked between bad ones.
_EVERY = 50
_Code = grpc.StatusCode
# What may be the server's answer to a request that is not good.
REFUSALS = {
    _Code.INVALID_ARGUMENT,
    _Code.NOT_FOUND,
    _Code.FAILED_PRECONDITION,
    _Code.RESOURCE_EXHAUSTED,
    _Code.UNIMPLEMENTED,
    # A configuration, of a server that takes none by request.
    _Code.PERMISSION_DENIED,
    # Bytes that are no message.
    _Code.INTERNAL,
}
# Of a call that a server never took on.
_NOT_ACCEPTED = (
    "UNAVAILABLE: The server is shutting down",
    "UNAVAILABLE: failed to connect",
)


class WrongAnswerError(DaogouError):
    """The server answered what it must not, or not at all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A running server, and what it has a good answer to.

    Attributes:
      port: Of gRPC, on this machine.
      rest_api_port: Of REST.
      request: A PredictRequest, serialised.
      check: Takes the response, and says whether it is right.
    """

    port: int
    rest_api_port: int
    request: bytes
    check: Callable[[bytes], bool]

    def channel(self) -> grpc.Channel:
        """Opens a connection of its own."""
        return grpc.insecure_channel(
            f"{_HOST}:{self.port}",
            [
                ("grpc.use_local_subchannel_pool", 1),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_receive_message_length", -1),
            ],
        )

    def ask_well(self) -> float:
        """Asks the good request over a new connection.

        Returns:
          Seconds that it took.

        Raises:
          WrongAnswerError: The answer is wrong.
        """
        began = time.perf_counter()
        with self.channel() as channel:
            answer = channel.unary_unary(protos.PREDICT)(
                self.request, timeout=_SECONDS
            )
        if not self.check(answer):
            raise WrongAnswerError(f"a good request was answered {answer!r}")
        return time.perf_counter() - began


def fuzz(
    target: Target,
    drawn: Fuzz,
    methods: Sequence[str],
    count: int,
) -> dict:
    """Sends requests of any kind, half to gRPC and half to REST.

    Args:
      target: The server.
      drawn: What is sent.
      methods: Of gRPC, with their service, as in `/package.Service/Method`;
        the first gets half of all.
      count: How many requests.

    Returns:
      How often each status came.

    Raises:
      WrongAnswerError: A status is none that may come, or a good request in
        between was answered wrongly.
    """
    found: collections.Counter[str] = collections.Counter()
    rest = http.client.HTTPConnection(
        _HOST, target.rest_api_port, timeout=_SECONDS
    )
    with target.channel() as channel:
        calls = [channel.unary_unary(method) for method in methods]
        for number in range(count):
            if number % 2:
                found[_ask_rest(rest, drawn)] += 1
            else:
                call = calls[0] if number % 4 else drawn.chance.choice(calls)
                found[_ask_grpc(call, drawn.message())] += 1
            if number % _EVERY == 0:
                target.ask_well()
    rest.close()
    return dict(sorted(found.items()))


def _ask_grpc(call, text: bytes) -> str:
    problem = call.future(text, timeout=_SECONDS).exception()
    if problem is None:
        return "gRPC OK"
    code = problem.code()
    broken = code == _Code.INTERNAL and "Failed to parse" not in (
        problem.details() or ""
    )
    if code not in REFUSALS or broken:
        raise WrongAnswerError(f"{text!r}: {code}: {problem.details()}")
    return f"gRPC {code.name}"


def _ask_rest(connection: http.client.HTTPConnection, drawn: Fuzz) -> str:
    path, body = drawn.path(), drawn.body()
    connection.request("POST", path, body)
    answer = connection.getresponse()
    text = answer.read()
    allowed = answer.status in (200, 400, 404, 405)
    if not allowed or (answer.status != 200 and not json.loads(text)["error"]):
        raise WrongAnswerError(f"{path} {body!r}: {answer.status} {text!r}")
    return f"REST {answer.status}"


def garbage(target: Target, count: int) -> dict:
    """Sends noise to both ports, and goes.

    Returns:
      How many connections each port closed or answered.
    """
    told = {}
    for name, port in _ports(target):
        for number in range(count):
            with _connected(port) as stream:
                # Some begin as the protocol does.
                head = (b"", _PREFACE, _HEAD)[number % 3]
                with _gone_is_fine():
                    stream.sendall(head + os.urandom(2000))
                    stream.shutdown(socket.SHUT_WR)
                    while stream.recv(65536):
                        pass
        told[name] = count
        target.ask_well()
    return told


def slow(target: Target, count: int, seconds: float) -> dict:
    """Sends requests a byte at a time, while good ones are asked.

    Args:
      target: The server.
      count: How many slow clients, half for each port.
      seconds: How long they go on.

    Returns:
      How many good requests were answered, and how long the slowest took.
    """
    heads = {target.port: _PREFACE * 100, target.rest_api_port: _HEAD * 100}
    streams = [
        (_connected(port), head)
        for port, head in heads.items()
        for _ in range(count // 2)
    ]
    took = []
    end, at = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for stream, head in streams:
            with _gone_is_fine():
                stream.send(head[at : at + 1])
        at += 1
        took.append(target.ask_well())
    for stream, _ in streams:
        stream.close()
    return {"good": len(took), "slowest_seconds": round(max(took), 3)}


def half_open(target: Target, count: int) -> dict:
    """Opens connections, sends half a request and breaks them off.

    Every second one is cut without a word, as by a machine that went down;
    the others are left open until all have been made.

    Returns:
      How many were opened.
    """
    left = []
    for name, port in _ports(target):
        for number in range(count // 2):
            stream = _connected(port)
            head = _PREFACE if name == "gRPC" else _HEAD
            stream.sendall(head[: 1 + number % len(head)])
            if number % 2:
                linger = struct.pack("ii", 1, 0)
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                stream.close()
            else:
                left.append(stream)
    target.ask_well()
    for stream in left:
        stream.close()
    return {"opened": count // 2 * 2}


def many_connections(target: Target, count: int) -> dict:
    """Keeps connections open that ask nothing, and asks over new ones.

    Args:
      target: The server.
      count: How many, half for each port.

    Returns:
      How many were open, and how long a good request took meanwhile.
    """
    streams = []
    for name, port in _ports(target):
        for _ in range(count // 2):
            stream = _connected(port)
            if name == "gRPC":
                stream.sendall(_PREFACE)
            streams.append(stream)
    took = [target.ask_well() for _ in range(10)]
    for stream in streams:
        stream.close()
    return {"open": len(streams), "slowest_seconds": round(max(took), 3)}


def large(target: Target, megabytes: int) -> dict:
    """Sends a request and a body of that size.

    Returns:
      How each was answered.

    Raises:
      WrongAnswerError: In another way than it may be.
    """
    request = protos.PredictRequest()
    request.model_spec.name = "nobody's"
    array = np.zeros(megabytes * _MEGABYTE // 4, np.float32)
    tensors.encode(array, request.inputs["x"], as_content=True)
    with target.channel() as channel:
        said = _ask_grpc(
            channel.unary_unary(protos.PREDICT), request.SerializeToString()
        )
    target.ask_well()
    connection = http.client.HTTPConnection(
        _HOST, target.rest_api_port, timeout=_SECONDS
    )
    body = b'{"instances": [' + b"1, " * (megabytes * _MEGABYTE // 3) + b"]}"
    connection.request("POST", "/v1/models/line:predict", body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status not in (400, 404, 413):
        raise WrongAnswerError(f"a large body was answered {answer.status}")
    target.ask_well()
    return {"gRPC": said.removeprefix("gRPC "), "REST": answer.status}


def stop_under_load(
    target: Target, stop: Callable[[], object], *, clients: int, seconds: float
) -> dict:
    """Tells the server to end while clients ask.

    Args:
      target: The server; it is gone afterwards.
      stop: Sends SIGTERM.
      clients: How many ask.
      seconds: How long they ask before.

    Returns:
      How many calls were answered and how many refused; a refused one may be
      tried elsewhere.

    Raises:
      WrongAnswerError: A call was lost: neither answered nor refused.
    """
    lost: list[str] = []
    found: collections.Counter[str] = collections.Counter()
    # Long after the server has gone.
    end = time.monotonic() + _SECONDS

    def ask() -> None:
        with target.channel() as channel:
            call = channel.unary_unary(protos.PREDICT)
            while time.monotonic() < end:
                problem = call.future(
                    target.request, timeout=_SECONDS
                ).exception()
                if problem is None:
                    found["answered"] += 1
                    continue
                found["refused"] += 1
                said = f"{problem.code().name}: {problem.details()}"
                if not any(part in said for part in _NOT_ACCEPTED):
                    lost.append(said)
                return

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        asking = [pool.submit(ask) for _ in range(clients)]
        time.sleep(seconds)
        stop()
    for one in asking:
        one.result()
    if lost:
        raise WrongAnswerError(f"{len(lost)} calls were lost: {lost[0]}")
    return dict(found)


def _gone_is_fine() -> contextlib.suppress:
    """Lets the server close a connection that it has had enough of."""
    return contextlib.suppress(ConnectionError)


def _ports(target: Target) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("gRPC", target.port), ("REST", target.rest_api_port)


def _connected(port: int) -> socket.socket:
    return socket.create_connection((_HOST, port), _SECONDS)
