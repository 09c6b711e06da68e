"""Processes that a benchmark starts, asks and ends."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import typing
from collections.abc import Sequence

from schema.errors import DataError

_ADDRESS = re.compile(r"(gRPC|REST) at \S+:(\d+)")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGESIZE")
_WAIT_SECONDS = 120
_POLL_SECONDS = 0.05
_MOST_SAID = 1 << 20


class Process:
    """A process that ends with the block that it was started in."""

    def __init__(self, words: Sequence[str], **pipes: typing.Any):
        """Starts Python.

        Args:
          words: Its arguments.
          **pipes: For `subprocess.Popen`.
        """
        self.popen = subprocess.Popen(
            [sys.executable, *words],
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            **pipes,
        )
        self._proc = pathlib.Path("/proc") / str(self.popen.pid)

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(_WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                pipe.close()

    def cpu_seconds(self) -> float:
        """Returns the processor time that the process has used."""
        # The name before the last parenthesis may hold anything.
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_bytes(self) -> int:
        """Returns the memory that the process holds."""
        return int((self._proc / "statm").read_text().split()[1]) * _PAGE

    def open_files(self) -> int:
        """Returns how many files and sockets the process has open."""
        return len(list((self._proc / "fd").iterdir()))

    def threads(self) -> int:
        """Returns how many threads the process has."""
        return len(list((self._proc / "task").iterdir()))


class Server(Process):
    """`daogou serve`.

    Attributes:
      port: Of gRPC.
      rest_api_port: Of REST; 0 where there is none.
    """

    def __init__(self, **flags: typing.Any):
        """Starts it and waits until the ports are open.

        Args:
          **flags: As `daogou serve` has them.

        Raises:
          DataError: It ended before.
        """
        words = ["-m", "cli.main", "serve"]
        words += [f"--{name}={value}" for name, value in flags.items()]
        # A pipe that nobody reads would hold the server up some day.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (__exit__ closes)
        super().__init__(words, stdout=subprocess.DEVNULL, stderr=self._said)
        self.port, self.rest_api_port = 0, 0
        try:
            self._wait_for_ports(flags)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._said.close()

    def _wait_for_ports(self, flags: dict) -> None:
        wanted = {"gRPC"} | ({"REST"} if flags.get("rest_api_port") else set())
        while not wanted <= set(found := dict(_ADDRESS.findall(self.said()))):
            if self.popen.poll() is not None:
                raise DataError(f"the server did not start: {self.said()}")
            time.sleep(_POLL_SECONDS)
        self.port = int(found["gRPC"])
        self.rest_api_port = int(found.get("REST", 0))

    def said(self) -> str:
        """Returns what it has written to stderr."""
        return os.pread(self._said.fileno(), _MOST_SAID, 0).decode()

    @property
    def target(self) -> str:
        """host:port of gRPC."""
        return f"127.0.0.1:{self.port}"

    def request_stop(self) -> None:
        """Sends SIGTERM."""
        self.popen.send_signal(signal.SIGTERM)


class Worker(Process):
    """A process that answers jobs, a line of JSON each."""

    def __init__(self, module: str):
        """Starts it.

        Args:
          module: With a `main` that reads jobs.
        """
        super().__init__(
            ["-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def send(self, job: dict) -> None:
        """Hands a job over, and does not wait."""
        pipe = self.popen.stdin
        assert pipe is not None
        pipe.write(json.dumps(job) + "\n")
        pipe.flush()

    def result(self) -> dict:
        """Waits for the answer to a job.

        Raises:
          DataError: The process has ended.
        """
        pipe = self.popen.stdout
        assert pipe is not None
        line = pipe.readline()
        if not line:
            raise DataError(
                f"{self.popen.args!r} ended with code {self.popen.wait()}"
            )
        return json.loads(line)
