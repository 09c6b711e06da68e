"""Chooses a peer's settings by the validation, which it may look at."""

import logging
import typing
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.quality import evaluation
from benchmarks.quality.sequences import Score, Sequences

# Users of the validation that settings are chosen on.
CHOOSING_USERS = 5_000

_log = logging.getLogger(__name__)
_Settings = typing.TypeVar("_Settings")


class Chooser(typing.Generic[_Settings]):
    """Compares settings by NDCG@10 on a draw of the validation's users.

    Attributes:
      best: The settings looked at that came out best so far, the first of
        equally good ones.
      score: What was learned with them.
    """

    best: _Settings
    score: Score

    def __init__(self, data: Sequences, seed: int):
        """Draws the users.

        Args:
          data: The sequences.
          seed: Of the draw.
        """
        self._data = data
        users = data.asked
        if len(users) > CHOOSING_USERS:
            rng = np.random.default_rng(seed)
            users = np.sort(rng.choice(users, CHOOSING_USERS, replace=False))
        self._users = users
        self._value = -np.inf

    def look(self, settings: _Settings, score: Score) -> float:
        """Evaluates, keeps the best, and logs it; returns the figure."""
        ranked = evaluation.rank(self._data, score, "validation", self._users)
        value = ranked.mean(evaluation.CHOICE)
        _log.info("%s: validation %s %.5f", settings, evaluation.CHOICE, value)
        if value > self._value:
            self._value, self.best, self.score = value, settings, score
        return value


def climb(
    ladder: Sequence[float], start: int, value: Callable[[float], float]
) -> float:
    """Returns the rung with the highest value, for values with one peak.

    >>> climb([1, 2, 3, 4, 5], 1, lambda rung: -((rung - 4) ** 2))
    4
    """
    found = {start: value(ladder[start])}
    for step in (1, -1):
        place = start + step
        while 0 <= place < len(ladder):
            found[place] = value(ladder[place])
            if found[place] <= found[place - step]:
                break
            place += step
        if max(found, key=lambda rung: found[rung]) != start:
            break
    return ladder[max(found, key=lambda rung: found[rung])]
