"""Windows of steps: what the sequence model reads at a time."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.intent.steps import Steps


@dataclasses.dataclass(frozen=True)
class Windows:
    """Windows [W, L] over sorted steps, padded on the right.

    Attributes:
      step: int64 [W, L], places in the steps; -1 is padding.
      told: bool [W, L], the steps that this window answers for. Each step is
        answered for once, with at least half a window before it, or all that
        the user has.
    """

    step: NDArray[np.int64]
    told: NDArray[np.bool_]

    def take(self, rows: NDArray) -> "Windows":
        """Returns some windows."""
        return Windows(self.step[rows], self.told[rows])


def cut(steps: Steps, length: int) -> Windows:
    """Cuts each user's steps into windows that overlap by a half.

    Args:
      steps: Sorted.
      length: L, even.
    """
    half = length // 2
    count = np.bincount(steps.user, minlength=len(steps.users))
    first = np.cumsum(count) - count
    chunks = -(-count // half)
    user = np.repeat(np.arange(len(count)), chunks)
    chunk = np.arange(len(user)) - np.repeat(np.cumsum(chunks) - chunks, chunks)
    told_from = first[user] + chunk * half
    begin = np.maximum(told_from - half, first[user])
    end = np.minimum(told_from + half, first[user] + count[user])
    step = begin[:, None] + np.arange(length)
    inside = step < end[:, None]
    return Windows(
        np.where(inside, step, -1), inside & (step >= told_from[:, None])
    )


def inputs(
    steps: Steps, tallied: NDArray[np.float32], windows: Windows
) -> dict[str, NDArray]:
    """Returns what the network reads.

    Args:
      steps: That the windows are cut from.
      tallied: Of the steps, as `tallies.of_steps` returns.
      windows: Some of them.

    Returns:
      `rows`, `kinds`, `times` [W, L] and `tallies` [W, L, WIDTH].
    """
    there = windows.step >= 0
    return {
        "rows": np.where(there, steps.row[windows.step], 0).astype(np.int32),
        "kinds": np.where(there, steps.kind[windows.step], 0).astype(np.int32),
        "times": np.where(there, steps.time[windows.step], 0),
        "tallies": np.where(there[..., None], tallied[windows.step], 0),
    }
