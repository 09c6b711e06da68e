"""Content-kNN: items whose texts are like those of the history."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from models.cooccurrence.sequences import ItemSequences


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContentKnn:
    """Scores by the cosine to the texts of the history.

    Implements `models.baselines.Baseline`.

    Attributes:
      texts: float32 [items, d], of unit length or zero.
      half_life_steps: Steps after which a step counts half; 0 counts all
        alike.
    """

    texts: NDArray[np.float32]
    half_life_steps: float = 0.0

    def profiles(self, histories: ItemSequences) -> NDArray[np.float32]:
        """Returns the weighted means of the histories' texts.

        Args:
          histories: Item rows, oldest first.

        Returns:
          float32 [histories, d], of unit length; zero for an empty history.
        """
        age = histories.offsets[1:][histories.sequence_of_step()]
        age = age - 1 - np.arange(len(histories.rows))
        weight = np.ones(len(age), np.float32)
        if self.half_life_steps:
            weight = np.exp2(-age / self.half_life_steps).astype(np.float32)
        total = np.zeros((len(histories), self.texts.shape[1]), np.float32)
        np.add.at(
            total,
            histories.sequence_of_step(),
            self.texts[histories.rows] * weight[:, None],
        )
        return unit(total)

    def scores(self, histories: ItemSequences) -> NDArray[np.float32]:
        """Returns float32 [histories, items], a writable array."""
        return self.profiles(histories) @ self.texts.T


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Makes rows [N, d] one long; rows of zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)


def centred(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Takes the mean of the rows that are there out, and makes them unit.

    Texts of one shop are all alike to an encoder: two unrelated titles have
    a cosine of 0.8. Without the mean, the baseline would be a weak one.
    """
    there = (vectors != 0).any(axis=1, keepdims=True)
    mean = vectors[there[:, 0]].mean(axis=0) if there.any() else 0.0
    return unit(np.where(there, vectors - mean, 0.0).astype(np.float32))
