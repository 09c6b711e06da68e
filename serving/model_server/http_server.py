"""A small HTTP/1.1 server with bounds on all that a client can use up.

One thread looks after all connections, so that slow ones cost no more than a
socket; a fixed number of threads answers whole requests.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import http
import re
import threading
import zlib
from collections.abc import Callable

_MAX_HEAD_BYTES = 64 * 1024
_IDLE_SECONDS = 75.0
_LINGER_SECONDS = 1.0
_LINGER_READS = 64
_LENGTH = re.compile(r"[0-9]{1,18}")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A whole request.

    Attributes:
      method: As in `POST`.
      path: Without the query, still percent-encoded.
      headers: By name in lower case.
      body: Uncompressed.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Response:
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much a client may use up.

    Attributes:
      threads: Requests that are answered side by side.
      queue: Requests that may wait for a thread.
      connections: Open at once.
      body_bytes: Of one request, compressed or not.
      timeout_seconds: For a request to arrive, and its answer to leave.
    """

    threads: int = 8
    queue: int = 1000
    connections: int = 4096
    body_bytes: int = 2**31 - 1
    timeout_seconds: float = 30.0


class _RefusedError(Exception):
    """A request that is answered at once, and the connection closed."""

    def __init__(self, status: int, message: str, *, linger: bool = True):
        super().__init__(message)
        self.status = status
        self.linger = linger


class HttpServer:
    """Listens, and hands whole requests to a function."""

    def __init__(
        self,
        answer: Callable[[Request], Response],
        refuse: Callable[[int, str], Response],
        bounds: Bounds,
    ):
        """Does not listen yet.

        Args:
          answer: Answers a request, in one of several threads.
          refuse: Makes an answer of a status and a message.
          bounds: What a client may use up.
        """
        self._answer = answer
        self._refuse = refuse
        self._bounds = bounds
        self._pool = concurrent.futures.ThreadPoolExecutor(
            bounds.threads, thread_name_prefix="rest"
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="http", daemon=True
        )
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task] = set()
        self._pending = 0
        self._stopping = False

    def start(self, host: str, port: int) -> int:
        """Listens.

        Args:
          host: Address.
          port: 0 for a free one.

        Returns:
          The port.

        Raises:
          OSError: The port cannot be had.
        """
        self._thread.start()

        async def listen() -> asyncio.Server:
            return await asyncio.start_server(
                self._serve, host, port, limit=_MAX_HEAD_BYTES, backlog=1024
            )

        try:
            self._server = asyncio.run_coroutine_threadsafe(
                listen(), self._loop
            ).result()
        except OSError:
            self._end_loop()
            raise
        return self._server.sockets[0].getsockname()[1]

    def stop(self, grace_seconds: float) -> None:
        """Takes nothing more, answers what has arrived, and ends."""

        async def end() -> None:
            self._stopping = True
            if self._server is not None:
                self._server.close()
            waited = 0.0
            while self._pending and waited < grace_seconds:
                await asyncio.sleep(0.02)
                waited += 0.02
            # What was answered last is still on its way out.
            await asyncio.sleep(0.02)
            for connection in list(self._connections):
                connection.cancel()
            if self._connections:
                await asyncio.wait(self._connections, timeout=1.0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._end_loop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) > self._bounds.connections:
                raise _RefusedError(429, "too many connections", linger=False)
            while not self._stopping and await self._one(reader, writer):
                pass
        except _RefusedError as error:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._send(
                    writer, self._refuse(error.status, str(error)), False
                )
                if error.linger:
                    await _linger(reader, writer)
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            # The client has gone, or sends nothing more, or we stop.
            return
        finally:
            self._connections.discard(task)
            writer.close()

    async def _one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answers one request; says whether another may follow."""
        request, version = await self._read(reader, writer)
        if self._pending >= self._bounds.threads + self._bounds.queue:
            raise _RefusedError(429, "too many requests are waiting")
        self._pending += 1
        try:
            response = await self._loop.run_in_executor(
                self._pool, self._answer, request
            )
            wish = request.headers.get("connection", "").lower()
            keep = (
                wish == "keep-alive"
                if version == "HTTP/1.0"
                else wish != "close"
            ) and not self._stopping
            await self._send(writer, response, keep, request.method != "HEAD")
        finally:
            self._pending -= 1
        return keep

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Request, str]:
        try:
            async with asyncio.timeout(_IDLE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise _RefusedError(431, "the headers are too long") from error
        method, target, version, headers = _parse_head(head)
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(_CONTINUE)
        try:
            async with asyncio.timeout(self._bounds.timeout_seconds):
                body = await self._read_body(reader, headers)
        except TimeoutError as error:
            raise _RefusedError(
                408, "the body did not arrive in time"
            ) from error
        except asyncio.LimitOverrunError as error:
            raise _RefusedError(400, "a line of a chunk is too long") from error
        if headers.get("content-encoding", "").lower() == "gzip":
            body = self._unzipped(body)
        request = Request(
            method=method,
            path=target.partition("?")[0],
            headers=headers,
            body=body,
        )
        return request, version

    async def _read_body(
        self, reader: asyncio.StreamReader, headers: dict[str, str]
    ) -> bytes:
        coding = headers.get("transfer-encoding", "").lower()
        if coding == "chunked":
            return await self._read_chunks(reader)
        if coding:
            raise _RefusedError(
                501, f"transfer encoding {coding!r} is not known"
            )
        length = headers.get("content-length", "0")
        if not _LENGTH.fullmatch(length):
            raise _RefusedError(400, f"Content-Length is {length[:40]!r}")
        self._check_size(int(length))
        return await reader.readexactly(int(length))

    async def _read_chunks(self, reader: asyncio.StreamReader) -> bytes:
        parts: list[bytes] = []
        total = 0
        while True:
            line = await reader.readuntil(b"\r\n")
            try:
                size = int(line.split(b";")[0].strip(), 16)
            except ValueError as error:
                raise _RefusedError(
                    400, f"size of a chunk is {line!r}"
                ) from error
            if size < 0:
                raise _RefusedError(400, f"size of a chunk is {size}")
            if not size:
                while await reader.readuntil(b"\r\n") != b"\r\n":
                    pass
                return b"".join(parts)
            total += size
            self._check_size(total)
            parts.append(await reader.readexactly(size))
            if await reader.readexactly(2) != b"\r\n":
                raise _RefusedError(400, "a chunk does not end where it should")

    def _check_size(self, size: int) -> None:
        if size > self._bounds.body_bytes:
            raise _RefusedError(
                429,
                f"the body has {size} bytes; allowed: "
                f"{self._bounds.body_bytes}",
            )

    def _unzipped(self, body: bytes) -> bytes:
        unzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            plain = unzip.decompress(body, self._bounds.body_bytes)
        except zlib.error as error:
            raise _RefusedError(
                400, f"the body is not gzip: {error}"
            ) from error
        if unzip.unconsumed_tail:
            self._check_size(self._bounds.body_bytes + 1)
        return plain

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        response: Response,
        keep: bool,
        with_body: bool = True,
    ) -> None:
        try:
            phrase = http.HTTPStatus(response.status).phrase
        except ValueError:
            phrase = "Client Closed Request"
        lines = [
            f"HTTP/1.1 {response.status} {phrase}",
            f"Content-Type: {response.content_type}",
            f"Content-Length: {len(response.body)}",
            f"Connection: {'keep-alive' if keep else 'close'}",
            *(f"{name}: {value}" for name, value in response.headers),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if with_body:
            writer.write(response.body)
        async with asyncio.timeout(self._bounds.timeout_seconds):
            await writer.drain()


async def _linger(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Lets a client that is still sending read why it should not.

    A connection that is closed with input unread is reset, and the answer
    lost on its way.
    """
    writer.write_eof()
    async with asyncio.timeout(_LINGER_SECONDS):
        for _ in range(_LINGER_READS):
            if not await reader.read(_MAX_HEAD_BYTES):
                return


def _parse_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    first, *rest = head.decode("latin-1").split("\r\n")[:-2]
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise _RefusedError(400, "this is not HTTP/1.1")
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise _RefusedError(400, f"header {line!r} is malformed")
        name = name.lower()
        if name == "content-length" and name in headers:
            raise _RefusedError(400, "Content-Length is given twice")
        headers[name] = value.strip()
    if "transfer-encoding" in headers and "content-length" in headers:
        raise _RefusedError(400, "the length of the body is given in two ways")
    return words[0], words[1], words[2], headers
