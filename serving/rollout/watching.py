"""How two versions answer, side by side, and whether that is good enough."""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from schema.errors import DaogouError
from schema.settings import Settings
from serving.client import Client
from serving.requests import Request

# Fewer calls than that say nothing about one in twenty.
_ENOUGH = 20
_PERCENTILE = 95


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits(Settings):
    """What a new version may do worse than the old one.

    Attributes:
      error_rate: Of its calls, above those of the old one; 0 to 1.
      latency_ratio: Its 95th percentile by that of the old one; above 0.
      slack_ms: What it may take longer in any case: where answers take a
        millisecond, ratios say little; at least 0.
    """

    error_rate: float = 0.01
    latency_ratio: float = 1.5
    slack_ms: float = 5.0

    def __post_init__(self):
        self.check("error_rate", 0 <= self.error_rate <= 1, "0 to 1")
        self.check("latency_ratio", self.latency_ratio > 0, "above 0")
        self.check("slack_ms", self.slack_ms >= 0, "at least 0")


class Samples:
    """Calls of one label."""

    def __init__(self) -> None:
        """Begins without any."""
        self.milliseconds: list[float] = []
        self.errors: list[str] = []

    @property
    def calls(self) -> int:
        """How many, answered or not."""
        return len(self.milliseconds) + len(self.errors)

    @property
    def error_rate(self) -> float:
        """Share of calls without an answer, or with an empty one."""
        return len(self.errors) / self.calls if self.calls else 0.0

    @property
    def slow_ms(self) -> float:
        """95th percentile; NaN where there are too few calls."""
        if len(self.milliseconds) < _ENOUGH:
            return math.nan
        return float(np.percentile(self.milliseconds, _PERCENTILE))

    def ask(self, client: Client, request: Request, k: int) -> None:
        """Makes a call; an answer without items counts as an error."""
        began = time.perf_counter()
        try:
            items = client.recommend(request, k).items()
        except DaogouError as error:
            self.errors.append(str(error))
            return
        if not items:
            self.errors.append("the answer is empty")
            return
        self.milliseconds.append((time.perf_counter() - began) * 1e3)


def watch(
    clients: Mapping[str, Client],
    requests: Sequence[Request],
    *,
    seconds: float,
    calls_a_second: float,
    k: int = 10,
    enough: Callable[[Mapping[str, Samples]], bool] = lambda _: False,
) -> dict[str, Samples]:
    """Asks all labels the same in turn for a while.

    Args:
      clients: By label.
      requests: What is asked, again and again.
      seconds: How long.
      calls_a_second: Of each label.
      k: How many items.
      enough: Says when to stop before the time is over.

    Returns:
      Samples by label.
    """
    found = {label: Samples() for label in clients}
    begin = time.monotonic()
    number = 0
    while (now := time.monotonic()) < begin + seconds and not enough(found):
        due = begin + number / calls_a_second
        if due > now:
            time.sleep(min(due, begin + seconds) - now)
            continue
        request = requests[number % len(requests)]
        # In turn, so that neither always finds the other's caches warm.
        labels = list(clients)[:: 1 if number % 2 else -1]
        for label in labels:
            found[label].ask(clients[label], request, k)
        number += 1
    return found


def objection(new: Samples, old: Samples, limits: Limits) -> str:
    """Says what is wrong with a new version, or nothing.

    Args:
      new: Calls of the new version.
      old: Calls of the old one in the same time.
      limits: What is allowed.
    """
    if not (new.calls and old.calls):
        return "it was not asked once; nothing is known of it"
    allowed = old.error_rate + limits.error_rate
    if new.error_rate > allowed:
        return (
            f"{len(new.errors)} of {new.calls} calls failed; allowed: "
            f"{allowed:.1%}; the last: {new.errors[-1]}"
        )
    slowest = old.slow_ms * limits.latency_ratio + limits.slack_ms
    if new.slow_ms > slowest:
        return (
            f"its {_PERCENTILE}th percentile is {new.slow_ms:.1f} ms; allowed: "
            f"{slowest:.1f} ms, the old version's is {old.slow_ms:.1f} ms"
        )
    return ""


def hopeless(new: Samples) -> bool:
    """Says whether there is no need to watch on: one call in two fails."""
    return new.calls >= _ENOUGH and new.error_rate > 0.5
