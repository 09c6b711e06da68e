"""Brings users to a new version step by step, and back where it fails them."""

import dataclasses
import itertools
import pathlib
import time
from collections.abc import Callable, Sequence

from schema.errors import DaogouError, DataError
from schema.settings import Settings
from serving.client import Client, ClientSettings
from serving.requests import Request
from serving.rollout.fleet import Fleet
from serving.rollout.split import Split
from serving.rollout.watching import Limits, hopeless, objection, watch

STABLE, CANARY = "stable", "canary"


class RolledBackError(DaogouError):
    """All users are back at the old version; the message says why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolloutSettings(Settings):
    """How a new version gets its users.

    Attributes:
      shares: Percent of users that the new version answers, step by step,
        each above the last and below 100; then it answers all.
      watch_seconds: How long each step is watched, above 0.
      calls_a_second: Calls of each version meanwhile, above 0.
      settle_seconds: How long services may take to read a new split, and to
        have their calls of before answered.
      k: Items that a call asks for, at least 1.
    """

    shares: tuple[float, ...] = (5.0, 25.0, 50.0)
    watch_seconds: float = 60.0
    calls_a_second: float = 5.0
    settle_seconds: float = 3.0
    k: int = 10

    def __post_init__(self):
        steps = (0.0, *self.shares, 100.0)
        rising = all(a < b for a, b in itertools.pairwise(steps))
        self.check("shares", rising, "rising numbers between 0 and 100")
        for field in ("watch_seconds", "calls_a_second", "k"):
            self.check(field, getattr(self, field) > 0, "above 0")
        self.check("settle_seconds", self.settle_seconds >= 0, "at least 0")


def roll_out(
    fleet: Fleet,
    *,
    client_of: Callable[[str], Client],
    split: pathlib.Path,
    requests: Sequence[Request],
    version: int,
    settings: RolloutSettings,
    limits: Limits,
    say: Callable[[str], object],
) -> dict:
    """Brings a version to all users, or the users back.

    The split is changed before a label goes and after one comes, so that at
    every moment all labels in it have a version.

    Args:
      fleet: The servers.
      client_of: Makes a client of a label.
      split: File that says which users ask which label; its experiment keeps
        its name, and is named `rollout` where there is no such file.
      requests: What both versions are asked meanwhile; at least one.
      version: The new one.
      settings: How.
      limits: What the new one may do worse.
      say: Is told each step.

    Returns:
      `from`, `to` and `steps`: share, calls, error rate and 95th percentile
      of both versions.

    Raises:
      DataError: There is no old version, it is the new one, or the split is
        that of another experiment.
      RolledBackError: The new one did worse than it may.
      ServerError: A server refuses, or does not load the version.
    """
    old = _old_version(fleet, version)
    name = _experiment(split)
    alone = Split(name=name, percent={STABLE: 100.0})
    say(f"loading version {version} beside {old}")
    # First the old version alone, so that no stale split outlives a label.
    fleet.serve([old], {STABLE: old})
    alone.write(split)
    told: list[dict] = []
    try:
        fleet.serve([old, version], {STABLE: old, CANARY: version})
        for share in settings.shares:
            say(f"version {version} answers {share:g} % of the users")
            Split(
                name=name, percent={CANARY: share, STABLE: 100.0 - share}
            ).write(split)
            told.append(_watched(share, client_of, requests, settings, limits))
    except BaseException as error:
        say(f"back to version {old}")
        alone.write(split)
        time.sleep(settings.settle_seconds)
        fleet.serve([old], {STABLE: old})
        if isinstance(error, RolledBackError):
            raise RolledBackError(
                f"version {version} of step {len(told) + 1} was taken back, "
                f"all users are at {old}: {error}"
            ) from error
        raise
    say(f"version {version} answers all users")
    fleet.serve([old, version], {STABLE: version, CANARY: version})
    alone.write(split)
    time.sleep(settings.settle_seconds)
    fleet.serve([version], {STABLE: version})
    return {"from": old, "to": version, "steps": told}


def client_maker(target: str, model: str) -> Callable[[str], Client]:
    """Returns what makes clients of a label that try nothing twice.

    Args:
      target: host:port of a server.
      model: Its name there.
    """
    return lambda label: Client(
        target, ClientSettings(model=model, label=label, attempts=1)
    )


def _experiment(split: pathlib.Path) -> str:
    if not split.exists():
        return "rollout"
    before = Split.read(split)
    if others := sorted(set(before.percent) - {STABLE, CANARY}):
        raise DataError(
            f"{split} sends users to {', '.join(others)}: end the experiment "
            f"{before.name!r} before a new version comes"
        )
    return before.name


def _old_version(fleet: Fleet, version: int) -> int:
    old = fleet.label(STABLE)
    if old is None:
        there = [one for one in fleet.available() if one != version]
        if not there:
            raise DataError(
                f"no version but {version} is available to go back to; "
                f"label one {STABLE!r} in the configuration"
            )
        old = there[0]
    if old == version:
        raise DataError(f"version {version} is {STABLE!r} already")
    return old


def _watched(share, client_of, requests, settings, limits) -> dict:
    """Watches one step; raises where the new version does worse."""
    with client_of(CANARY) as canary, client_of(STABLE) as stable:
        found = watch(
            {CANARY: canary, STABLE: stable},
            requests,
            seconds=settings.watch_seconds,
            calls_a_second=settings.calls_a_second,
            k=settings.k,
            enough=lambda found: hopeless(found[CANARY]),
        )
    if why := objection(found[CANARY], found[STABLE], limits):
        raise RolledBackError(why)
    return {
        "share": share,
        **{
            label: {
                "calls": one.calls,
                "error_rate": round(one.error_rate, 4),
                "p95_ms": round(one.slow_ms, 2),
            }
            for label, one in found.items()
        },
    }
