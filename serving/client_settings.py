"""What a client is told, and what it answers."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schema.errors import DaogouError
from schema.settings import SettingsError

_CHANCE = "p_"


class ServerError(DaogouError):
    """The server did not answer a call.

    Attributes:
      code: Name of the status, as in `UNAVAILABLE`.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """One item of an answer.

    Attributes:
      item_id: Which.
      title: What it is called.
      category: Where it belongs.
      category_inferred: Whether that was told from its words, not by its shop.
      price: What it costs; -1 unknown.
      score: What it is ordered by.
      chances: By head, as in `click`; empty where nothing was ranked.
    """

    item_id: str
    title: str
    category: str
    category_inferred: bool
    price: float
    score: float
    chances: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What a call came back with.

    Attributes:
      version: Of the model that answered.
      outputs: By name, arrays [users, k]; strings as bytes.
    """

    version: int
    outputs: Mapping[str, np.ndarray]

    def items(self, row: int = 0) -> list[Item]:
        """Returns the items of a row, best first, without empty slots."""
        out = self.outputs
        heads = [name for name in out if name.startswith(_CHANCE)]
        # Versions of older runs do not say.
        inferred = out.get(
            "categories_inferred", np.zeros(out["item_ids"].shape, bool)
        )
        return [
            Item(
                item_id=item_id.decode(),
                title=out["titles"][row][slot].decode(),
                category=out["categories"][row][slot].decode(),
                category_inferred=bool(inferred[row][slot]),
                price=float(out["prices"][row][slot]),
                score=float(out["scores"][row][slot]),
                chances={
                    name.removeprefix(_CHANCE): float(out[name][row][slot])
                    for name in heads
                },
            )
            for slot, item_id in enumerate(out["item_ids"][row])
            if item_id
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tls:
    """How a server is trusted, and a client known to it.

    Attributes:
      authority: PEM of who signs servers; None for those of the system.
      key: PEM of the client's key, for mutual TLS.
      certificate: PEM of the client's certificate, for mutual TLS.
    """

    authority: bytes | None = None
    key: bytes | None = None
    certificate: bytes | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """Which model is asked, and how.

    Attributes:
      model: Its name at the server.
      version: Always this one; None for the newest.
      label: Always the version of this label, as in `stable`.
      timeout_seconds: Of a call, with all its tries.
      attempts: How often a call is tried where no server is found, 1 to 5.
      first_pause_seconds: Before the second try; doubles from try to try.
      tls: None for plain text.
      token: Sent as `authorization: Bearer …`; empty for none.
    """

    model: str = "daogou"
    version: int | None = None
    label: str = ""
    timeout_seconds: float = 5.0
    attempts: int = 4
    first_pause_seconds: float = 0.05
    tls: Tls | None = None
    token: str = dataclasses.field(default="", repr=False)

    def __post_init__(self):
        """Checks the values.

        Raises:
          SettingsError: One is not allowed.
        """
        for name, ok, allowed in (
            ("model", bool(self.model), "a name"),
            ("timeout_seconds", self.timeout_seconds > 0, "more than 0"),
            ("attempts", 1 <= self.attempts <= 5, "1 to 5"),
            ("first_pause_seconds", self.first_pause_seconds > 0, "above 0"),
            (
                "label",
                not self.label or self.version is None,
                "nothing where a version is given",
            ),
        ):
            if not ok:
                raise SettingsError(
                    f"{name} is {getattr(self, name)!r}; allowed: {allowed}"
                )
