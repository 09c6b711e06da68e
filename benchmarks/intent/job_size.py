"""What the job of purchase intent costs on many users.

A log of as many users as asked for, each of whom browsed as many items of the
run's catalogue, is made up; `daogou intent predict` and `recommend` then run
on it as anybody would run them, in processes of their own. What is predicted
means nothing; time and memory are what a shop of that size needs.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schema.errors import DaogouError

_DAYS, _DAY = 21, 86_400
_END = 1_762_790_400
# Items that are drawn, some of them twice, for each that is browsed.
_DRAWN = 1.2
# Seconds after the view, and how often it comes to that.
_DEEPER = {"click": (20, 0.6), "cart": (60, 0.08), "buy": (120, 0.02)}
_POLL_SECONDS = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How large the log is.

    Attributes:
      users: At least 1.
      browsed: Items that each has browsed, about; at least 1.
      seed: Of all draws.
    """

    users: int = 10_000
    browsed: int = 50
    seed: int = 1


def make_log(items: pa.Array, size: Size) -> pa.Table:
    """Makes up what users did in three weeks.

    Args:
      items: string, ids of the catalogue.
      size: How large.

    Returns:
      `user_id`, `item_id`, `event_type`, `timestamp`, `query`, by time.
    """
    rng = np.random.default_rng(size.seed)
    number = size.users * int(np.ceil(_DRAWN * size.browsed))
    user = np.repeat(np.arange(size.users), number // size.users)
    # What is popular is browsed more often than the rest.
    item = (len(items) * rng.random(number) ** 2).astype(np.int64)
    viewed = _END - rng.integers(1, _DAYS * _DAY, number)
    kinds, times, rows = (
        [np.full(number, "view")],
        [viewed],
        [np.arange(number)],
    )
    for kind, (later, share) in _DEEPER.items():
        deeper = np.flatnonzero(rng.random(number) < share)
        kinds.append(np.full(len(deeper), kind))
        times.append(viewed[deeper] + later)
        rows.append(deeper)
    row, timestamp = np.concatenate(rows), np.concatenate(times)
    order = np.argsort(timestamp, kind="stable")
    row = row[order]
    width = len(str(size.users))
    names = pa.array([f"u{n:0{width}}" for n in range(size.users)])
    return pa.table(
        {
            "user_id": names.take(pa.array(user[row])),
            "item_id": items.take(pa.array(item[row])),
            "event_type": pa.array(np.concatenate(kinds)[order]),
            "timestamp": pa.array(timestamp[order]),
            "query": pa.array([""]).take(pa.array(np.zeros(len(row), int))),
        }
    )


def run(
    runs: pathlib.Path,
    preset: str,
    items: pa.Array,
    size: Size,
    tell: Callable[[str], None],
) -> dict:
    """Runs both commands on a made-up log.

    Args:
      runs: Folder of all runs, in which intent has been trained.
      preset: Whose run.
      items: string, ids of its catalogue.
      size: Of the log.
      tell: Is told what is done.

    Returns:
      `users`, `browsed`, `events`; by command `seconds`, `cpu_seconds`,
      `peak_mb`, `rows` and `users` of what it wrote.

    Raises:
      DaogouError: A command failed.
    """
    log = make_log(items, size)
    told: dict = {
        "users": size.users,
        "browsed": size.browsed,
        "events": len(log),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pq.write_table(log, folder / "log.parquet")
        for command, words in (
            ("predict", ["--items", str(size.browsed)]),
            ("recommend", ["--k", "10"]),
        ):
            output = folder / f"{command}.parquet"
            costs = _run(
                [
                    *("intent", command, "--preset", preset),
                    *(
                        "--runs",
                        str(runs),
                        "--log",
                        str(folder / "log.parquet"),
                    ),
                    *("--users", str(size.users), "--output", str(output)),
                    *words,
                ]
            )
            made = pq.read_table(output, columns=["user_id"])
            told[command] = {
                **costs,
                "rows": len(made),
                "users": len(made["user_id"].unique()),
            }
            tell(
                f"{command}: {told[command]['rows']:,} rows of "
                f"{told[command]['users']:,} users in {costs['seconds']:.0f} s"
                f", at most {costs['peak_mb']:,.0f} MB"
            )
    return told


def _run(words: Sequence[str]) -> dict[str, float]:
    """Runs a command; returns what it cost.

    The peak is read while it runs, as what the system tells of a process
    that ended begins with what its parent had.
    """
    begun, cpu = time.monotonic(), sum(os.times()[2:4])
    peak = 0.0
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", *words],
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        status = pathlib.Path("/proc", str(process.pid), "status")
        while process.poll() is None:
            peak = max(peak, _peak_mb(status))
            time.sleep(_POLL_SECONDS)
        if process.returncode:
            said.seek(0)
            raise DaogouError(f"daogou {' '.join(words)}: {said.read()}")
    return {
        "seconds": round(time.monotonic() - begun, 2),
        "cpu_seconds": round(sum(os.times()[2:4]) - cpu, 2),
        "peak_mb": round(peak),
    }


def _peak_mb(status: pathlib.Path) -> float:
    try:
        lines = status.read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0
    found = [line for line in lines if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 / 1e6 if found else 0.0
