"""What the server knows of one version, and what it does next with it."""

import dataclasses
import enum
import typing

from serving.model_server.errors import ServingError

if typing.TYPE_CHECKING:
    from serving.model_server.servable import Servable


class State(enum.IntEnum):
    """Where a version stands, numbered as in `ModelVersionStatus.State`."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclasses.dataclass
class Version:
    """One version of one model, from when it was first wanted.

    Attributes:
      model: Name of the model.
      number: Of the version.
      path: Its folder.
      state: Where it stands.
      wanted: Whether the policy still asks for it.
      error: Why it ended, where it did not end well.
      tries: How often a load has begun.
      busy: Whether a thread is loading it right now.
      next_try: When to load it again, by the monotonic clock.
      servable: What answers, while there is one.
    """

    model: str
    number: int
    path: str
    state: State = State.START
    wanted: bool = True
    error: ServingError | None = None
    tries: int = 0
    busy: bool = False
    next_try: float = 0.0
    servable: "Servable | None" = None

    def __str__(self) -> str:
        return f"{{name: {self.model} version: {self.number}}}"


def to_unload(versions: typing.Iterable[Version]) -> list[Version]:
    """Chooses what may go, so that something keeps answering.

    As the availability-preserving policy of TensorFlow Serving: while none of
    the wanted versions is available, the newest of the others stays.

    Args:
      versions: All of one model.

    Returns:
      Those to unload now.
    """
    versions = list(versions)
    ready = [v for v in versions if v.state == State.AVAILABLE]
    unwanted = sorted(
        (v for v in ready if not v.wanted), key=lambda v: v.number
    )
    wanted_any = any(v.wanted for v in versions)
    wanted_ready = any(v.wanted for v in ready)
    if wanted_any and not wanted_ready:
        return unwanted[:-1]
    return unwanted


def to_load(versions: typing.Iterable[Version], now: float) -> list[Version]:
    """Chooses what is to be loaded.

    Args:
      versions: All of one model.
      now: By the monotonic clock.

    Returns:
      Those to load now, the newest first.
    """
    due = [
        v
        for v in versions
        if v.wanted
        and not v.busy
        and v.state in (State.START, State.LOADING)
        and v.next_try <= now
    ]
    return sorted(due, key=lambda v: -v.number)
