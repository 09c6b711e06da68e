"""The HTTP server by itself, with what no good client sends."""

import contextlib
import gzip
import json
import socket
import threading
import time

import pytest

from serving.model_server.http_server import (
    Bounds,
    HttpServer,
    Request,
    Response,
)

SECONDS = 60


class Echo:
    """Answers with what came; `/wait` waits for `go`."""

    def __init__(self):
        self.go = threading.Event()

    def answer(self, request: Request) -> Response:
        if request.path == "/wait":
            assert self.go.wait(SECONDS)
        return Response(status=200, body=request.body or b"-")

    def refuse(self, status, message):
        return Response(
            status=status, body=json.dumps({"error": message}).encode()
        )


@contextlib.contextmanager
def serving(**bounds):
    echo = Echo()
    server = HttpServer(
        echo.answer,
        echo.refuse,
        Bounds(**({"threads": 2, "timeout_seconds": 30.0} | bounds)),
    )
    port = server.start("127.0.0.1", 0)
    try:
        yield echo, port, server
    finally:
        echo.go.set()
        server.stop(2.0)


@pytest.fixture(scope="module")
def port():
    with serving(body_bytes=1000) as (_, port, _):
        yield port


def connect(port):
    return socket.create_connection(("127.0.0.1", port), SECONDS)


def read_answer(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = stream.recv(1)
        if not byte:
            return None, head
        head += byte
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    body = b""
    while len(body) < length:
        body += stream.recv(length - len(body))
    return int(head.split()[1]), body


def ask(port, raw):
    with connect(port) as stream:
        stream.sendall(raw)
        return read_answer(stream)


def test_keeps_connections_open(port):
    with connect(port) as stream:
        for body in (b"one", b"two"):
            stream.sendall(
                b"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\n" + body
            )
            assert read_answer(stream) == (200, body)
        # Two at once are answered in order.
        stream.sendall(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        assert read_answer(stream) == (200, b"-")
        assert read_answer(stream) == (200, b"-")
        stream.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert read_answer(stream) == (200, b"-")
        assert stream.recv(1) == b""


def test_chunks_and_gzip(port):
    assert ask(
        port,
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n",
    ) == (200, b"abcde")
    body = gzip.compress(b"plain")
    assert ask(
        port,
        b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body,
    ) == (200, b"plain")


def test_asks_for_a_body_that_is_announced(port):
    with connect(port) as stream:
        stream.sendall(
            b"POST / HTTP/1.1\r\nExpect: 100-continue\r\n"
            b"Content-Length: 2\r\n\r\n"
        )
        assert stream.recv(100).startswith(b"HTTP/1.1 100")
        stream.sendall(b"ok")
        assert read_answer(stream) == (200, b"ok")


@pytest.mark.parametrize(
    ("raw", "status", "part"),
    [
        (b"\x00\xff\x16\x03\x01\r\n\r\n", 400, b"not HTTP"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, b"not HTTP"),
        (b"GET / HTTP/1.1\r\nbad\r\n\r\n", 400, b"malformed"),
        (b"GET / HTTP/1.1\r\n a: b\r\n\r\n", 400, b"malformed"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, b"-1"),
        (
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            400,
            b"twice",
        ),
        (
            b"GET / HTTP/1.1\r\nContent-Length: 1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n",
            400,
            b"two ways",
        ),
        (
            b"GET / HTTP/1.1\r\nTransfer-Encoding: br\r\n\r\n",
            501,
            b"not known",
        ),
        (
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            b"chunk",
        ),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabcde\r\n",
            400,
            b"chunk",
        ),
        (b"GET / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n", 429, b"1001"),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
            429,
            b"allowed: 1000",
        ),
        (
            b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n"
            b"Content-Length: 3\r\n\r\nabc",
            400,
            b"gzip",
        ),
        (
            b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
            400,
            b"Content-Length is",
        ),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1" * 70_000,
            400,
            b"too long",
        ),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 431, b"too long"),
    ],
)
def test_what_is_refused(port, raw, status, part):
    answered, body = ask(port, raw)
    assert answered == status
    assert part in body


def test_a_small_body_cannot_unpack_to_a_large_one(port):
    body = gzip.compress(b"0" * 100_000)
    assert len(body) < 1000
    status, text = ask(
        port,
        b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: "
        + str(len(body)).encode()
        + b"\r\n\r\n"
        + body,
    )
    assert status == 429
    assert b"allowed: 1000" in text


def test_clients_that_go_away_leave_the_others_alone(port):
    for raw in (b"", b"GET", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"):
        with connect(port) as stream:
            stream.sendall(raw)
    assert ask(port, b"GET / HTTP/1.1\r\n\r\n") == (200, b"-")


def test_a_body_that_does_not_come():
    with serving(timeout_seconds=0.2) as (_, port, _):
        status, body = ask(
            port, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"
        )
        assert status == 408
        assert b"in time" in body


def test_too_many_requests_and_connections():
    with (
        serving(threads=1, queue=1, connections=3) as (echo, port, _),
        contextlib.ExitStack() as stack,
    ):
        streams = [stack.enter_context(connect(port)) for _ in range(3)]
        for stream in streams[:2]:
            stream.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        time.sleep(0.1)
        streams[2].sendall(b"GET / HTTP/1.1\r\n\r\n")
        status, body = read_answer(streams[2])
        assert status == 429
        assert b"too many requests" in body
        streams[2].close()
        time.sleep(0.1)
        third = stack.enter_context(connect(port))
        time.sleep(0.1)
        status, body = ask(port, b"")
        assert status == 429
        assert b"too many connections" in body
        echo.go.set()
        for stream in streams[:2]:
            assert read_answer(stream) == (200, b"-")
        third.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert read_answer(third) == (200, b"-")


def test_stopping_answers_what_has_arrived():
    with serving() as (echo, port, server), connect(port) as stream:
        stream.sendall(b"GET /wait HTTP/1.1\r\n\r\n")
        time.sleep(0.1)
        stopping = threading.Thread(target=server.stop, args=(5.0,))
        stopping.start()
        time.sleep(0.1)
        with pytest.raises(OSError, match="refused"):
            connect(port)
        echo.go.set()
        assert read_answer(stream) == (200, b"-")
        stopping.join()
        # The fixture stops it once more.
        server.stop = lambda _: None
