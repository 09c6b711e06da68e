"""Vectors of titles, without a category or a brand in them.

A run's item vectors are of the title with the leaf category and the brand put
behind it where it does not name them (`components.catalogue.text`), so what
they say of a category may be the answer itself. Vectors are taken from there
only where the text that was encoded is the title; the others are encoded.
"""

import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf
from numpy.typing import NDArray

from models.text.hub import TextEncoder
from models.text.settings import TextSettings

_BATCH = 64
_CHARACTERS = 512
_ROLE = "item"


class TitleEncoder:
    """Encodes titles as a run's encoder of items does.

    Attributes:
      settings: Which encoder.
    """

    def __init__(self, settings: TextSettings):
        """Loads nothing yet."""
        self.settings = settings
        self._encoder: TextEncoder | None = None
        # What was encoded stays: catalogues are read more than once.
        self._known: dict[str, NDArray[np.float32]] = {}

    @classmethod
    def of_run(cls, text_vectors: pathlib.Path) -> "TitleEncoder":
        """Takes the encoder, and the vectors of bare titles, of a run.

        Args:
          text_vectors: Its artifact `TextVectors`.
        """
        about = json.loads((text_vectors / "encoder.json").read_text("utf-8"))
        made = cls(
            TextSettings(
                preprocess=about["preprocess"], encoder=about["encoder"]
            )
        )
        table = pq.read_table(text_vectors / "items.parquet")
        if "text" in table.column_names and table.num_rows:
            texts = [text.decode() for text in table["text"].to_pylist()]
            flat = table["vector"].combine_chunks().flatten()
            vectors = np.asarray(flat, np.float32).reshape(len(texts), -1)
            made._known = dict(zip(texts, vectors, strict=True))
        return made

    def __call__(self, texts: pa.Array) -> NDArray[np.float32]:
        """Returns float32 [texts, d]; zeros where there is no text.

        Args:
          texts: string.
        """
        cut = pc.utf8_slice_codeunits(pc.fill_null(texts, ""), 0, _CHARACTERS)
        coded = pc.utf8_trim_whitespace(cut).dictionary_encode()
        distinct = coded.dictionary.to_pylist()
        missing = [t for t in distinct if t and t not in self._known]
        missing.sort(key=len)
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            made = self._load()(tf.constant(batch), role=_ROLE).numpy()
            self._known.update(zip(batch, made, strict=True))
        width = next((len(vector) for vector in self._known.values()), 0)
        vectors = np.zeros((len(distinct), width), np.float32)
        for place, text in enumerate(distinct):
            if text:
                vectors[place] = self._known[text]
        return vectors[np.asarray(coded.indices)]

    def _load(self) -> TextEncoder:
        if self._encoder is None:
            self._encoder = TextEncoder.from_settings(self.settings)
        return self._encoder
