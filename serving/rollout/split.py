"""Which users are answered by which version label, and what they were shown.

Imports no TensorFlow: the services that ask the model server use it.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import threading
import time
import typing
from collections.abc import Callable, Mapping

from schema.errors import DataError
from schema.settings import SettingsError
from serving.client import Answer, Client, ClientSettings

_WHOLE = 100.0
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Split:
    """Shares of users by label.

    A user's arm hangs on the id and the experiment's name alone, so that all
    services agree without asking each other. Where the first arm grows, those
    who were in it stay in it.

    Attributes:
      name: Of the experiment; another name draws anew.
      percent: By label, in a fixed order; 100 in sum.
    """

    name: str
    percent: Mapping[str, float]

    def __post_init__(self):
        """Checks the values.

        Raises:
          SettingsError: The name is empty, or the shares are none.
        """
        shares = self.percent.values()
        for field, ok, allowed in (
            ("name", bool(self.name), "a name"),
            (
                "percent",
                bool(self.percent)
                and all(0 <= share <= _WHOLE for share in shares)
                and abs(sum(shares) - _WHOLE) < _ROUNDING,
                "numbers by label, 100 in sum",
            ),
        ):
            if not ok:
                raise SettingsError(
                    f"{field} is {getattr(self, field)!r}; allowed: {allowed}"
                )

    def arm(self, user_id: str) -> str:
        """Returns the label that answers a user.

        >>> Split(name="x", percent={"canary": 0, "stable": 100}).arm("u1")
        'stable'
        """
        drawn = hashlib.sha256(f"{self.name}\0{user_id}".encode()).digest()
        place = int.from_bytes(drawn[:8]) / 2**64 * _WHOLE
        for label, share in self.percent.items():
            if place < share:
                return label
            place -= share
        # What rounding left over.
        return [label for label, share in self.percent.items() if share][-1]

    def write(self, path: pathlib.Path) -> None:
        """Replaces a file in one step, so that nobody reads half of it."""
        part = path.with_name(f".{path.name}.part")
        text = json.dumps({"name": self.name, "percent": dict(self.percent)})
        part.write_text(text + "\n", encoding="utf-8")
        os.replace(part, path)

    @classmethod
    def read(cls, path: pathlib.Path) -> typing.Self:
        """Reads what `write` wrote.

        Raises:
          DataError: It is not there, or something else.
        """
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            return cls(name=given["name"], percent=dict(given["percent"]))
        except (
            AttributeError,
            KeyError,
            OSError,
            SettingsError,
            TypeError,
            ValueError,
        ) as error:
            raise DataError(f"{path} is no split: {error}") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exposure:
    """One answer that one user was given, or not.

    Attributes:
      time: Unix seconds.
      experiment: Name of the split.
      user_id: Whom.
      arm: Label that answered.
      version: Of the model; 0 where there was no answer.
      milliseconds: That it took.
      error: Name of the error; empty for an answer.
    """

    time: float
    experiment: str
    user_id: str
    arm: str
    version: int
    milliseconds: float
    error: str = ""


class ExposureLog:
    """A file of exposures, a line of JSON each; threads may share it."""

    def __init__(self, path: pathlib.Path):
        """Opens the file to write behind what it holds."""
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, exposure: Exposure) -> None:
        """Writes one."""
        text = json.dumps(dataclasses.asdict(exposure), ensure_ascii=False)
        with self._lock:
            self._file.write(text + "\n")
            self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class SplitClient:
    """Asks the label that a user belongs to, and says what happened."""

    def __init__(
        self,
        target: str,
        split: pathlib.Path,
        log: ExposureLog | None = None,
        settings: ClientSettings | None = None,
        *,
        reread_seconds: float = 1.0,
    ):
        """Reads the split; connections open with the first call.

        Args:
          target: host:port of the server.
          split: File of the split; it may be replaced at any time.
          log: Where exposures go; None for nowhere.
          settings: Of the clients; the label is set by the split.
          reread_seconds: How often to look for another split.

        Raises:
          DataError: The file is no split.
        """
        self._target = target
        self._path = split
        self._log = log
        self._settings = settings or ClientSettings()
        self._reread_seconds = reread_seconds
        self._lock = threading.Lock()
        self._split = Split.read(split)
        self._read_at = time.monotonic()
        self._clients: dict[str, Client] = {}

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            client.close()

    def ask(self, user_id: str, call: Callable[[Client], Answer]) -> Answer:
        """Asks for one user.

        Args:
          user_id: Who; decides which version answers.
          call: Asks a client, as in `lambda c: c.recommend(request, 10)`.

        Raises:
          DataError: The server refuses; the message says what and why.
          ServerError: It does not answer.
        """
        split = self._current()
        arm = split.arm(user_id)
        client = self._client(arm)
        began = time.perf_counter()
        version, error = 0, ""
        try:
            answer = call(client)
            version = answer.version
            return answer
        except Exception as caught:
            error = getattr(caught, "code", type(caught).__name__)
            raise
        finally:
            if self._log is not None:
                took = (time.perf_counter() - began) * 1e3
                self._log.add(
                    Exposure(
                        time=round(time.time(), 3),
                        experiment=split.name,
                        user_id=user_id,
                        arm=arm,
                        version=version,
                        milliseconds=round(took, 3),
                        error=error,
                    )
                )

    def _current(self) -> Split:
        with self._lock:
            if time.monotonic() >= self._read_at + self._reread_seconds:
                self._split = Split.read(self._path)
                self._read_at = time.monotonic()
            return self._split

    def _client(self, arm: str) -> Client:
        with self._lock:
            if arm not in self._clients:
                settings = dataclasses.replace(
                    self._settings, label=arm, version=None
                )
                self._clients[arm] = Client(self._target, settings)
            return self._clients[arm]
