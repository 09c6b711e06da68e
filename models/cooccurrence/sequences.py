"""Sequences of steps on items, as baselines and co-occurrence read them."""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

if typing.TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class ItemSequences:
    """Many sequences of steps, end to end.

    Attributes:
      rows: int32 [steps], item row in the catalogue, oldest first within a
        sequence.
      offsets: int64 [sequences + 1], where each begins; the last is `steps`.
      timestamps: int64 [steps], Unix seconds.
      positive: bool [steps], whether a step of its type is to be predicted.
    """

    rows: NDArray[np.int32]
    offsets: NDArray[np.int64]
    timestamps: NDArray[np.int64]
    positive: NDArray[np.bool_]

    @classmethod
    def from_lists(
        cls,
        rows: Sequence[Sequence[int]],
        timestamps: Sequence[Sequence[int]] | None = None,
    ) -> typing.Self:
        """Builds from one list a sequence; every step is positive.

        >>> ItemSequences.from_lists([[3, 1], [2]]).offsets
        array([0, 2, 3])
        """
        lengths = np.array([len(row) for row in rows], np.int64)
        flat = [item for row in rows for item in row]
        times = [t for row in timestamps or [] for t in row]
        return cls(
            rows=np.array(flat, np.int32),
            offsets=np.r_[0, np.cumsum(lengths)].astype(np.int64),
            timestamps=np.array(times or np.zeros(len(flat)), np.int64),
            positive=np.ones(len(flat), bool),
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [sequences], number of steps of each."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def slice(self, start: int, stop: int) -> typing.Self:
        """Returns sequences `start` to `stop` (excluded), without a copy."""
        first, last = self.offsets[start], self.offsets[stop]
        return dataclasses.replace(
            self,
            rows=self.rows[first:last],
            offsets=self.offsets[start : stop + 1] - first,
            timestamps=self.timestamps[first:last],
            positive=self.positive[first:last],
        )

    def keep(self, steps: NDArray[np.bool_]) -> typing.Self:
        """Returns the same sequences with only the steps marked.

        Args:
          steps: bool [steps].
        """
        kept = np.r_[0, np.cumsum(steps)].astype(np.int64)
        return dataclasses.replace(
            self,
            rows=self.rows[steps],
            offsets=kept[self.offsets],
            timestamps=self.timestamps[steps],
            positive=self.positive[steps],
        )

    def only(self, sequences: NDArray[np.bool_]) -> typing.Self:
        """Returns the sequences marked, whole.

        Args:
          sequences: bool [sequences].
        """
        kept = self.keep(sequences[self.sequence_of_step()])
        lengths = self.lengths[sequences]
        return dataclasses.replace(
            kept, offsets=np.r_[0, np.cumsum(lengths)].astype(np.int64)
        )

    def sequence_of_step(self) -> NDArray[np.int64]:
        """Returns int64 [steps], which sequence each belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)


def of_examples(
    examples: "tf.data.Dataset", *, held_out: bool = False
) -> ItemSequences:
    """Collects the steps of training examples on items that are known.

    Args:
      examples: Single ones as `models.inputs.sequence_inputs` makes them.
      held_out: Whether targets that are kept for validation are positive
        steps too; otherwise only those that are learned from, and the others
        are no steps at all.
    """
    rows, times, positive, lengths = [], [], [], []
    for batch in examples.batch(4096):
        validation = batch["validation"].numpy()
        there = batch["targets"].numpy() >= 0
        chosen = batch["train"].numpy()
        if held_out:
            chosen = chosen | validation
        else:
            there &= ~validation
        rows.append(batch["targets"].numpy()[there])
        times.append(batch["target_times"].numpy()[there])
        positive.append(chosen[there])
        lengths.append(there.sum(1))
    return ItemSequences(
        rows=np.concatenate([np.zeros(0, np.int32), *rows]),
        offsets=np.r_[0, np.cumsum(np.concatenate([[], *lengths]))].astype(
            np.int64
        ),
        timestamps=np.concatenate([np.zeros(0, np.int64), *times]),
        positive=np.concatenate([np.zeros(0, bool), *positive]),
    )
