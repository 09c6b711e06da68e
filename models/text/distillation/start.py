"""What a student is before its training."""

import dataclasses
import pathlib
import typing

import tensorflow as tf

from models.text.bert import BertEncoder
from models.text.tfhub_export import SpecialTokens


class Tokenizer(typing.Protocol):
    """Cuts texts into the pieces that a student has vectors of."""

    tokens: SpecialTokens

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Returns int32 ids [batch, (pieces)] of strings [batch]."""

    def export(self, folder: pathlib.Path, seq_length: int) -> None:
        """Writes a preprocess model, see `tfhub_export`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """A student before its training.

    Attributes:
      student: Vectors of length 1 in the teacher's space.
      tokenizer: Its own.
      seq_length: Longest sequence in tokens, with start and end.
      digest: Of all that it was made from, but for the teacher.
    """

    student: BertEncoder
    tokenizer: Tokenizer
    seq_length: int
    digest: str
