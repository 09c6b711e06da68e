"""Vectors of a teacher for many texts, kept on disk as they are made.

A file holds some hundred texts and appears by a rename under a name made of
its content, so an encoding that was stopped goes on where it was, and texts
that are added later cost only themselves.
"""

import hashlib
import logging
import os
import pathlib
import tempfile
import time
import zipfile
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.text import characters
from models.text.batching import pack
from models.text.hub import TextEncoder
from schema.errors import DataError

# Most tokens in a batch, padding included, and most texts in a file.
_BATCH_TOKENS = 4096
_TEXTS_A_FILE = 1024
_KEY_BYTES = 16
_log = logging.getLogger(__name__)


class TeacherVectors:
    """A folder of vectors by text, for one encoder, role and length.

    Args:
      folder: Where the files are; made if need be. Vectors of another
        encoder, role or length are in other folders beneath it.
      teacher: Makes what is missing.
      role: `item` or `query`, see `TextEncoder`.
    """

    def __init__(self, folder: pathlib.Path, teacher: TextEncoder, role: str):
        self._teacher = teacher
        self._role = role
        # Everything that decides what becomes of a text.
        named = (
            f"{teacher.digest}/{characters.digest()}/{teacher.seq_length}"
            f"/{teacher.pooling}/{role}"
        )
        digest = hashlib.blake2b(named.encode(), digest_size=8)
        self.folder = pathlib.Path(folder) / f"teacher-{digest.hexdigest()}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def __call__(
        self, texts: Sequence[str], *, max_seconds: float = 0.0
    ) -> np.ndarray:
        """Returns the vectors of texts, encoding those that are not there.

        Args:
          texts: Any, repeated or not.
          max_seconds: Wall time after which no further file is begun; 0 for
            no limit.

        Returns:
          float32 [texts, dimension], scaled to length 1; rows of NaN for
          texts that were not encoded in time, zeros for those of which
          nothing is left when they are cleaned.
        """
        deadline = time.monotonic() + (max_seconds or float("inf"))
        keys = [_key(text) for text in texts]
        found = self._read()
        missing = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if key not in found
        }
        began, done = time.monotonic(), 0
        names = list(missing)
        for start in range(0, len(names), _TEXTS_A_FILE):
            if time.monotonic() > deadline:
                break
            part = names[start : start + _TEXTS_A_FILE]
            vectors = self._encode([missing[key] for key in part])
            self._write(part, vectors)
            found.update(zip(part, vectors, strict=True))
            done += len(part)
            _log.info(
                "teacher: %d of %d texts, %.0f a second",
                done,
                len(names),
                done / (time.monotonic() - began),
            )
        unknown = np.full(self._teacher.dimension, np.nan, np.float32)
        return np.stack([found.get(key, unknown) for key in keys])

    def _encode(self, texts: list[str]) -> np.ndarray:
        """Encodes by length, to a token budget; float32 [texts, d]."""
        counts = self._teacher.token_counts(
            tf.constant(texts), role=self._role
        ).numpy()
        vectors = np.zeros((len(texts), self._teacher.dimension), np.float32)
        for rows in pack(counts, _BATCH_TOKENS):
            vectors[rows] = self._teacher(
                tf.constant([texts[row] for row in rows]), role=self._role
            ).numpy()
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    def _read(self) -> dict[bytes, np.ndarray]:
        found: dict[bytes, np.ndarray] = {}
        for path in sorted(self.folder.glob("*.npz")):
            try:
                with np.load(path) as file:
                    keys, vectors = file["keys"], file["vectors"]
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                raise DataError(
                    f"{path} cannot be read ({error}); remove it, and its "
                    "texts are encoded again"
                ) from error
            found.update(
                zip((key.tobytes() for key in keys), vectors, strict=True)
            )
        return found

    def _write(self, keys: list[bytes], vectors: np.ndarray) -> None:
        name = hashlib.blake2b(b"".join(keys), digest_size=8).hexdigest()
        rows = np.frombuffer(b"".join(keys), np.uint8)
        handle, made = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, keys=rows.reshape(-1, _KEY_BYTES), vectors=vectors)
        pathlib.Path(made).rename(self.folder / f"{name}.npz")


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_KEY_BYTES).digest()
