"""Texts as a student reads them, with their teacher's vectors."""

import dataclasses
import typing
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.text.distillation.start import Tokenizer
from models.text.tfhub_export import NUM_ADDED

_TEXTS_AT_A_TIME = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaughtTexts:
    """Texts as the student reads them, and what the teacher makes of them.

    Attributes:
      ids: int32, token ids of all texts, one after the other.
      starts: int64 [texts + 1], where each text's begin.
      vectors: float32 [texts, d], the teacher's, of length 1.
    """

    ids: np.ndarray
    starts: np.ndarray
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def lengths(self) -> np.ndarray:
        """Returns int64 [texts], tokens with start and end."""
        return np.diff(self.starts)

    def inputs(self, rows: np.ndarray, padding: int) -> dict[str, np.ndarray]:
        """Returns an encoder's inputs for some rows, padded to the longest."""
        lengths = self.lengths[rows]
        columns = np.arange(lengths.max())
        mask = columns < lengths[:, None]
        places = np.where(mask, self.starts[rows][:, None] + columns, 0)
        return {
            "input_word_ids": np.where(mask, self.ids[places], padding),
            "input_mask": mask.astype(np.int32),
            "input_type_ids": np.zeros(mask.shape, np.int32),
        }

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        vectors: np.ndarray,
        tokenizer: Tokenizer,
        longest: int,
    ) -> typing.Self:
        """Cuts texts into tokens, as a preprocess model packs them.

        Args:
          texts: Those with a vector of zeros, of which the teacher makes
            nothing, are left out.
          vectors: float32 [texts, d].
          tokenizer: The student's.
          longest: Most tokens, with start and end; the rest is cut off.
        """
        known = vectors.any(axis=1)
        kept = [texts[int(row)] for row in np.flatnonzero(known)]
        special = tokenizer.tokens
        parts = []
        for start in range(0, len(kept), _TEXTS_AT_A_TIME):
            part = tf.constant(kept[start : start + _TEXTS_AT_A_TIME])
            ids = tokenizer.tokenize(part)[:, : longest - NUM_ADDED]
            column = tf.ones([ids.nrows(), 1], tf.int32)
            parts.append(
                tf.concat(
                    [column * special.start, ids, column * special.end], 1
                )
            )
        ids = tf.concat(parts, axis=0)
        return cls(
            ids=ids.flat_values.numpy(),
            starts=ids.row_splits.numpy(),
            vectors=vectors[known],
        )
