"""How sure one has to be of an answer for it to be right often enough."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Certainty:
    """What was measured on items that nothing was learned from.

    Attributes:
      asked: How many were asked.
      accuracy: Share of them that was told right, 0 to 1.
      threshold: Chance from which on an answer counts; infinite where no
        threshold brings the precision that was wanted.
      answered: Share of them whose chance is at least that.
      precision: Share of those that was told right; 0 where there are none.
    """

    asked: int
    accuracy: float
    threshold: float
    answered: float
    precision: float

    @classmethod
    def measure(
        cls,
        chances: NDArray[np.float32],
        right: NDArray[np.bool_],
        wanted: float,
        *,
        least: float = 0.0,
    ) -> "Certainty":
        """Chooses the lowest threshold that is precise enough.

        One more answer counts as wrong than was, so that a few lucky ones
        are no proof. Conformal risk control corrects for the next answer in
        this way (Angelopoulos et al. 2022, https://arxiv.org/abs/2208.02814);
        its guarantee does not hold here, as precision may rise and fall with
        the threshold.

        Args:
          chances: float32 [items], of the likeliest answer.
          right: bool [items], whether it is the true one.
          wanted: Precision, 0 to 1.
          least: Threshold, 0 to 1, below which none is chosen: precise as
            all answers together may be, those of a low chance are guesses.

        >>> chances = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
        >>> right = np.array([True, True, True, False, False])
        >>> Certainty.measure(chances, right, 0.75).threshold
        0.7
        """
        order = np.argsort(-chances, kind="stable")
        sorted_chances = chances[order]
        hits = np.cumsum(right[order])
        enough = hits / (np.arange(len(hits)) + 2.0) >= wanted
        enough &= sorted_chances >= least
        # Equal chances are answered together.
        last = np.append(sorted_chances[1:] < sorted_chances[:-1], True)
        ends = np.flatnonzero(enough & last[: len(hits)])
        count = int(ends[-1]) + 1 if len(ends) else 0
        return cls(
            asked=len(right),
            accuracy=float(right.mean()) if len(right) else 0.0,
            threshold=float(sorted_chances[count - 1]) if count else math.inf,
            answered=count / len(right) if len(right) else 0.0,
            precision=float(hits[count - 1] / count) if count else 0.0,
        )
