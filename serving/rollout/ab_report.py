"""What an experiment found: conversion by arm, and whether to believe it."""

import collections
import dataclasses
import json
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from schema.errors import DataError

# Of the experiment's own log; below it the split did not do what it says
# (Fabijan et al. 2019, Diagnosing Sample Ratio Mismatch).
MISMATCH_BELOW = 0.001
_Z = 1.959963984540054


@dataclasses.dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm of the experiment.

    Attributes:
      users: Who were shown something.
      converted: Of these, who did what counts.
      rate: Share of them; NaN without users.
      low: Of its 95 % interval (Wilson).
      high: Of its 95 % interval.
      lift: Rate less that of the control; None for the control itself.
      lift_low: Of its 95 % interval (Newcombe 1998, method 10).
      lift_high: Of its 95 % interval.
      p: Of no difference, two-sided; pooled two-proportion z test.
      errors: Calls without an answer.
      calls: All calls.
    """

    users: int
    converted: int
    rate: float
    low: float
    high: float
    lift: float | None = None
    lift_low: float | None = None
    lift_high: float | None = None
    p: float | None = None
    errors: int = 0
    calls: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """What an experiment found.

    Attributes:
      experiment: Its name.
      control: The arm that others are compared with.
      arms: By label, the control first.
      in_several_arms: Users who were, and count for none.
      ratio_p: Chance of shares this far from the split, or farther.
      ratio_ok: Whether that is likely enough to believe the rest.
    """

    experiment: str
    control: str
    arms: Mapping[str, Arm]
    in_several_arms: int
    ratio_p: float
    ratio_ok: bool


@dataclasses.dataclass(frozen=True)
class _Seen:
    """What the log says of one user."""

    arm: str
    since: float


def read_exposures(path: pathlib.Path, experiment: str) -> list[dict]:
    """Reads the lines of one experiment.

    Args:
      path: What `ExposureLog` wrote.
      experiment: Name of its split.

    Raises:
      DataError: The file cannot be read, a line is broken, or there is none
        of the experiment.
    """
    found, names = [], set()
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    one = json.loads(line)
                    names.add(one["experiment"])
                    if one["experiment"] == experiment:
                        found.append(
                            {
                                "user_id": str(one["user_id"]),
                                "arm": str(one["arm"]),
                                "time": float(one["time"]),
                                "error": str(one["error"]),
                            }
                        )
                except (KeyError, TypeError, ValueError) as error:
                    raise DataError(
                        f"{path} line {number} is no exposure: {error}"
                    ) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not found:
        raise DataError(
            f"{path} has nothing of {experiment!r}; it has "
            + (", ".join(sorted(names)) or "nothing at all")
        )
    return found


def read_conversions(
    path: pathlib.Path, event_types: Sequence[str]
) -> Iterable[tuple[str, float]]:
    """Reads who did what counts, and when.

    Args:
      path: The table events of the data contract: a Parquet file, or a folder
        of them.
      event_types: What counts.

    Returns:
      User and Unix seconds of each event.

    Raises:
      DataError: It is no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(
            path,
            columns=["user_id", "timestamp"],
            filters=[("event_type", "in", list(event_types))],
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return zip(
        map(str, table["user_id"].to_pylist()),
        table["timestamp"].to_pylist(),
        strict=True,
    )


def report(
    experiment: str,
    exposures: Sequence[Mapping],
    conversions: Iterable[tuple[str, float]],
    percent: Mapping[str, float],
    control: str,
) -> Report:
    """Compares the arms.

    A user counts from the first answer on, once, whatever came how often.

    Args:
      experiment: Its name.
      exposures: Of `read_exposures`.
      conversions: User and Unix seconds of each event that counts.
      percent: Shares of users by arm, as the split had them.
      control: The arm that others are compared with.

    Raises:
      DataError: An arm is not of the split, or none was shown anything.
    """
    for label in {one["arm"] for one in exposures} | {control}:
        if not percent.get(label):
            raise DataError(
                f"the split gives {label!r} no users; it has "
                + ", ".join(
                    f"{name} {share:g} %" for name, share in percent.items()
                )
            )
    seen, several = _users(exposures)
    converted = {
        user
        for user, when in conversions
        if user in seen and when >= seen[user].since
    }
    users = collections.Counter(one.arm for one in seen.values())
    won = collections.Counter(seen[user].arm for user in converted)
    calls = collections.Counter(one["arm"] for one in exposures)
    errors = collections.Counter(
        one["arm"] for one in exposures if one["error"]
    )
    labels = [control, *(name for name in percent if name != control)]
    arms: dict[str, Arm] = {}
    for label in labels:
        if not percent[label]:
            continue
        low, high = wilson(won[label], users[label])
        arm = Arm(
            users=users[label],
            converted=won[label],
            rate=_rate(won[label], users[label]),
            low=low,
            high=high,
            errors=errors[label],
            calls=calls[label],
        )
        arms[label] = arm if label == control else _against(arm, arms[control])
    ratio_p = sample_ratio_p(
        [users[label] for label in arms], [percent[label] for label in arms]
    )
    return Report(
        experiment=experiment,
        control=control,
        arms=arms,
        in_several_arms=several,
        ratio_p=ratio_p,
        ratio_ok=ratio_p >= MISMATCH_BELOW,
    )


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share.

    Wilson's holds for rare events and few trials, where the usual one does
    not.

    >>> [round(bound, 4) for bound in wilson(10, 100)]
    [0.0552, 0.1744]
    """
    if not trials:
        return 0.0, 1.0
    share = successes / trials
    centre = share + _Z**2 / (2 * trials)
    spread = _Z * math.sqrt(
        share * (1 - share) / trials + (_Z / (2 * trials)) ** 2
    )
    whole = 1 + _Z**2 / trials
    return max(0.0, (centre - spread) / whole), min(
        1.0, (centre + spread) / whole
    )


def sample_ratio_p(users: Sequence[int], shares: Sequence[float]) -> float:
    """Returns the chance of counts this far from their shares.

    Args:
      users: By arm.
      shares: In the same order, any scale, above 0.

    Returns:
      p of Pearson's chi-square test; 1 where there is one arm.
    """
    from scipy import stats

    if len(users) < 2:
        return 1.0
    total, whole = sum(users), sum(shares)
    expected = [total * share / whole for share in shares]
    return float(stats.chisquare(users, expected).pvalue)


def _users(exposures: Sequence[Mapping]) -> tuple[dict[str, _Seen], int]:
    """Returns users of one arm by id, and how many were in several."""
    seen: dict[str, _Seen] = {}
    mixed = set()
    for one in exposures:
        if one["error"]:
            # Who got no answer saw nothing of it.
            continue
        user, now = one["user_id"], _Seen(one["arm"], one["time"])
        before = seen.setdefault(user, now)
        if before.arm != now.arm:
            mixed.add(user)
        elif now.since < before.since:
            seen[user] = now
    for user in mixed:
        del seen[user]
    return seen, len(mixed)


def _against(arm: Arm, control: Arm) -> Arm:
    if not (arm.users and control.users):
        return arm
    lift = arm.rate - control.rate
    low = lift - math.hypot(arm.rate - arm.low, control.high - control.rate)
    high = lift + math.hypot(arm.high - arm.rate, control.rate - control.low)
    pooled = (arm.converted + control.converted) / (arm.users + control.users)
    error = math.sqrt(
        pooled * (1 - pooled) * (1 / arm.users + 1 / control.users)
    )
    p = math.erfc(abs(lift) / error / math.sqrt(2)) if error else 1.0
    return dataclasses.replace(
        arm, lift=lift, lift_low=low, lift_high=high, p=p
    )


def _rate(successes: int, trials: int) -> float:
    return successes / trials if trials else math.nan
