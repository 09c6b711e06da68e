"""What a piece of work costs this process: time, processor time, memory."""

import contextlib
import os
import pathlib
import time
from collections.abc import Iterator

_STATUS = pathlib.Path("/proc/self/status")
_MEGABYTE = 1 << 10


def _memory(line: str) -> float:
    """Reads one line of the process's status in MB.

    Not `ru_maxrss`: that one begins with what the parent had.
    """
    for found in _STATUS.read_text().splitlines():
        name, _, value = found.partition(":")
        if name == line:
            return int(value.split()[0]) / _MEGABYTE
    raise OSError(f"{_STATUS} has no line {line}")


@contextlib.contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Measures what is done in the context.

    Yields:
      A dict that holds, behind the context, `seconds` (wall), `cpu_seconds`
      (user and system, of this process and of children that ended), `mb`
      (resident before) and `peak_mb` (the most since the process began).
    """
    costs: dict[str, float] = {"mb": round(_memory("VmRSS"), 1)}
    begun, cpu = time.monotonic(), sum(os.times()[:4])
    yield costs
    costs["seconds"] = round(time.monotonic() - begun, 2)
    costs["cpu_seconds"] = round(sum(os.times()[:4]) - cpu, 2)
    costs["peak_mb"] = round(_memory("VmHWM"), 1)
