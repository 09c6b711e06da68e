"""Asks a language model, any that speaks OpenAI's chat completions.

Off unless a base URL is given. Nothing that comes back is trusted: whoever
asks holds it against facts before it is shown.
"""

import dataclasses
import ipaddress
import json
import os
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

from schema.errors import DaogouError
from schema.settings import Settings

_PATH = "/chat/completions"
# No answer of a sentence or two is larger, in bytes.
_MOST_BYTES = 1 << 20
_PART_BYTES = 1 << 14
_FIRST_PAUSE_SECONDS = 0.5
# Worth another try: too many requests, and what a server says of itself.
_TOO_MANY, _SERVER_ERRORS = 429, 500


class EndpointError(DaogouError):
    """The endpoint gave no answer that could be read."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointSettings(Settings):
    """Where a language model answers, and how long to wait.

    Attributes:
      base_url: Up to and without `/chat/completions`, as in
        `http://localhost:8000/v1`.
      model: Its name there.
      key_variable: Environment variable that holds the key; empty for none.
      timeout_seconds: For one try in all, above 0, at most 600.
      retries: Further tries after an error that may pass, 0 to 10.
      temperature: 0 to 2.
      max_tokens: Of an answer, 1 to 4096.
    """

    base_url: str
    model: str
    key_variable: str = ""
    timeout_seconds: float = 20.0
    retries: int = 1
    temperature: float = 0.7
    max_tokens: int = 400

    def __post_init__(self) -> None:
        """Checks the fields.

        Raises:
          SettingsError: A value is not allowed, the key would be sent
            unencrypted to another host, or its variable is empty.
        """
        url = urllib.parse.urlsplit(self.base_url)
        self.check(
            "base_url",
            url.scheme in ("http", "https") and bool(url.hostname),
            "http://host or https://host, a path behind it",
        )
        self.check("model", bool(self.model), "the name of a model")
        if self.key_variable:
            self.check(
                "key_variable",
                url.scheme == "https" or _is_local(url.hostname or ""),
                "with https, or on this machine: a key is not sent in clear",
            )
            self.check(
                "key_variable",
                bool(os.environ.get(self.key_variable)),
                "the name of an environment variable that is set",
            )
        self.check(
            "timeout_seconds",
            0 < self.timeout_seconds <= 600,
            "above 0, at most 600",
        )
        self.check("retries", 0 <= self.retries <= 10, "0 to 10")
        self.check("temperature", 0 <= self.temperature <= 2, "0 to 2")
        self.check("max_tokens", 1 <= self.max_tokens <= 4096, "1 to 4096")


class Endpoint:
    """A language model behind HTTP."""

    def __init__(self, settings: EndpointSettings):
        """Opens nothing yet; each call is a connection of its own."""
        self._settings = settings
        # A key must not follow a redirect to another host.
        self._opener = urllib.request.build_opener(_NoRedirects)

    def complete(self, rules: str, request: str) -> str:
        """Returns what the model makes of a request.

        Args:
          rules: The system message.
          request: The user's message.

        Raises:
          EndpointError: No answer after all tries, or none that can be read.
        """
        body = json.dumps(
            {
                "model": self._settings.model,
                "messages": [
                    {"role": "system", "content": rules},
                    {"role": "user", "content": request},
                ],
                "temperature": self._settings.temperature,
                "max_tokens": self._settings.max_tokens,
            },
            ensure_ascii=False,
        ).encode()
        for left in range(self._settings.retries, -1, -1):
            try:
                return _content(self._post(body))
            except urllib.error.HTTPError as error:
                error.close()
                passing = (
                    error.code == _TOO_MANY or error.code >= _SERVER_ERRORS
                )
                if not (left and passing):
                    raise self._failed(f"HTTP {error.code}") from error
            except OSError as error:
                if not left:
                    raise self._failed(_cause(error)) from error
            done = self._settings.retries - left
            time.sleep(_FIRST_PAUSE_SECONDS * 2**done)
        raise AssertionError("unreachable: the last try returns or raises")

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if variable := self._settings.key_variable:
            headers["Authorization"] = f"Bearer {os.environ[variable]}"
        request = urllib.request.Request(
            self._settings.base_url.rstrip("/") + _PATH, body, headers
        )
        limit = self._settings.timeout_seconds
        ends_at = time.monotonic() + limit
        with self._opener.open(request, timeout=limit) as response:
            got = b""
            # A socket's timeout starts again with every byte.
            while part := response.read1(_PART_BYTES):
                got += part
                if len(got) > _MOST_BYTES:
                    raise self._failed(f"more than {_MOST_BYTES} bytes")
                if time.monotonic() > ends_at:
                    raise TimeoutError(f"no answer within {limit:g} s")
            return got

    def _failed(self, cause: str) -> EndpointError:
        return EndpointError(f"{self._settings.base_url}: {cause}")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: typing.Any) -> None:
        """Follows none: the answer's code is the error."""


def _content(answer: bytes) -> str:
    try:
        content = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise EndpointError(
            "the language model's answer has no choices[0].message.content"
        ) from error
    if not isinstance(content, str):
        raise EndpointError("the language model's answer is no text")
    return content.strip()


def _cause(error: OSError) -> str:
    reason = getattr(error, "reason", error)
    return str(reason) or type(error).__name__


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
