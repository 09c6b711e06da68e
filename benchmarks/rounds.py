"""Contenders measured in turn, so that a busy machine is busy for all.

Each round gives every contender a slice of time, in an order that rotates.
Only ratios within a round are compared, and the median of them reported.
"""

import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What one step does.

    Attributes:
      texts: Texts encoded.
      flops: Of the matrix products that these need; see `Network.flops`.
    """

    texts: int
    flops: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """Something that is measured.

    Attributes:
      name: In the result.
      steps: What each step does; a slice runs through them, from where the
        last one stopped.
      run: Runs the step of a number, and returns the processor seconds that
        it took where that is known to another process, else None.
    """

    name: str
    steps: Sequence[Work]
    run: Callable[[int], float | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice:
    """What a contender did in its time of one round."""

    texts: int
    flops: int
    seconds: float
    cpu_seconds: float


def measure(
    contenders: Sequence[Contender], *, seconds: float, rounds: int
) -> dict[str, list[Slice]]:
    """Measures contenders in rounds, after one slice each that warms up.

    Args:
      contenders: At least one.
      seconds: For all of it, warming up included; a step that has begun is
        finished, so it may take longer.
      rounds: At least 1.

    Returns:
      The slices of each contender, by its name.
    """
    time_each = seconds / (rounds + 1) / len(contenders)
    slices: dict[str, list[Slice]] = {c.name: [] for c in contenders}
    at = {c.name: 0 for c in contenders}
    for number in range(rounds + 1):
        turn = number % len(contenders)
        for contender in [*contenders[turn:], *contenders[:turn]]:
            done, at[contender.name] = _slice(
                contender, at[contender.name], time_each
            )
            if number:
                slices[contender.name].append(done)
    return slices


def _slice(contender: Contender, at: int, seconds: float) -> tuple[Slice, int]:
    texts, flops, cpu = 0, 0, 0.0
    began = time.perf_counter()
    while True:
        work = contender.steps[at]
        before = time.process_time()
        known = contender.run(at)
        cpu += time.process_time() - before if known is None else known
        texts, flops = texts + work.texts, flops + work.flops
        at = (at + 1) % len(contender.steps)
        took = time.perf_counter() - began
        if took >= seconds:
            break
    return (
        Slice(texts=texts, flops=flops, seconds=took, cpu_seconds=cpu),
        at,
    )


def gflops(slices: Sequence[Slice], *, cpu: bool = False) -> np.ndarray:
    """Returns 10⁹ operations a second of each slice.

    Args:
      slices: Of one contender.
      cpu: Divide by processor seconds, which other work on the machine
        changes less, instead of by wall time.
    """
    return np.array(
        [s.flops / (s.cpu_seconds if cpu else s.seconds) / 1e9 for s in slices]
    )
