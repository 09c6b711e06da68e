"""Reads safetensors files: a JSON header and raw little-endian numbers.

The format: https://huggingface.co/docs/safetensors, eight bytes with the
header's length, the header, and the data that its offsets point into.
"""

import dataclasses
import json
import math
import pathlib
import struct
import typing

import numpy as np

from schema.errors import DataError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
_PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json")
# Bytes of a number, by the header's name of its type.
_SIZES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_LENGTH_BYTES = 8
_LONGEST_HEADER = 100_000_000
_LFS = b"version https://git-lfs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Entry:
    path: pathlib.Path
    dtype: str
    shape: tuple[int, ...]
    offset: int


class Tensors:
    """The tensors of a folder, read when they are asked for."""

    def __init__(self, entries: dict[str, _Entry]):
        """Keeps where each tensor stands; `open_folder` finds it out."""
        self._entries = entries
        self._taken: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._entries))

    @property
    def left(self) -> tuple[str, ...]:
        """Names that nobody has taken, sorted."""
        return tuple(name for name in self.names if name not in self._taken)

    def shape(self, name: str) -> tuple[int, ...]:
        """Returns the shape of a tensor that is there."""
        return self._entries[name].shape

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Reads a tensor.

        Args:
          name: As in the file.
          shape: What it must have.

        Returns:
          float32 of that shape, whatever precision the file has.

        Raises:
          DataError: It is missing, has another shape, is of integers, or
            holds what is not a finite number.
        """
        if name not in self._entries:
            raise DataError(f"{self._where()}: {name} is missing")
        entry = self._entries[name]
        if entry.shape != shape:
            raise DataError(
                f"{entry.path}: {name} has the shape {list(entry.shape)}; "
                f"allowed: {list(shape)}, as config.json says"
            )
        if entry.dtype not in _FLOATS:
            raise DataError(
                f"{entry.path}: {name} is of type {entry.dtype}; allowed: "
                f"{', '.join(_FLOATS)}"
            )
        self._taken.add(name)
        raw = np.fromfile(
            entry.path,
            _FLOATS[entry.dtype],
            count=math.prod(shape),
            offset=entry.offset,
        )
        if entry.dtype == "BF16":
            # The upper half of a float32.
            raw = (raw.astype("<u4") << 16).view("<f4")
        values = raw.astype(np.float32, copy=False).reshape(shape)
        if not np.isfinite(values).all():
            raise DataError(
                f"{entry.path}: {name} holds numbers that are not finite"
            )
        return values

    def _where(self) -> str:
        paths = sorted({str(entry.path) for entry in self._entries.values()})
        return paths[0] if len(paths) == 1 else f"the {len(paths)} shards"


def open_folder(folder: pathlib.Path) -> Tensors:
    """Finds the tensors of a checkpoint, in one file or in shards.

    Raises:
      DataError: There is no safetensors file, or one is cut short, is not
        of this format, or lacks what the index promises.
    """
    if (folder / SINGLE).is_file():
        return Tensors(_read_header(folder / SINGLE))
    if not (folder / INDEX).is_file():
        for name in _PICKLES:
            if (folder / name).is_file():
                raise DataError(
                    f"{folder / name} is a pickle, which can run any code "
                    f"when it is read; allowed: {SINGLE}. Convert it where "
                    "transformers is installed: AutoModel.from_pretrained("
                    "DIR).save_pretrained(DIR)"
                )
        raise DataError(f"{folder} has no weights; allowed: {SINGLE}, {INDEX}")
    weight_map = _read_index(folder / INDEX)
    entries: dict[str, _Entry] = {}
    for shard in sorted(set(weight_map.values())):
        if not (folder / shard).is_file():
            raise DataError(
                f"{folder / shard} is missing; {INDEX} names it, so the "
                "download is not complete"
            )
        entries |= _read_header(folder / shard)
    for name, shard in weight_map.items():
        if name not in entries:
            raise DataError(f"{folder / shard}: {name} is missing, see {INDEX}")
    return Tensors(entries)


def _read_index(path: pathlib.Path) -> dict[str, str]:
    try:
        weight_map = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        if not weight_map or any(
            pathlib.PurePath(shard).name != shard
            for shard in weight_map.values()
        ):
            raise ValueError("weight_map must name files beside it")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); allowed: JSON with a "
            "weight_map from tensors to files"
        ) from error
    return weight_map


def _read_header(path: pathlib.Path) -> dict[str, _Entry]:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(_LENGTH_BYTES)
        if _LFS.startswith(start) and start:
            raise DataError(
                f"{path} is a pointer of Git LFS and not the weights; fetch "
                "them with: git lfs pull"
            )
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(_LONGEST_HEADER, size - _LENGTH_BYTES):
            raise DataError(
                f"{path} ({size} bytes) is no safetensors file or is cut "
                "short: its header would not fit"
            )
        raw = file.read(length)
    data_start = _LENGTH_BYTES + length
    try:
        header = json.loads(raw)
        header.pop("__metadata__", None)
        return {
            name: _entry(path, name, value, data_start, size)
            for name, value in header.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} has a header that cannot be read ({error}); allowed: "
            "a safetensors file"
        ) from error


def _entry(
    path: pathlib.Path,
    name: str,
    value: dict[str, typing.Any],
    data_start: int,
    size: int,
) -> _Entry:
    begin, end = value["data_offsets"]
    shape = tuple(int(length) for length in value["shape"])
    dtype = value["dtype"]
    if dtype in _SIZES and end - begin != math.prod(shape) * _SIZES[dtype]:
        raise ValueError(f"{name} has not the bytes that its shape takes")
    if begin < 0 or data_start + end > size:
        raise DataError(
            f"{path} is cut short: {name} ends at byte {data_start + end}, "
            f"the file has {size}"
        )
    return _Entry(
        path=path, dtype=dtype, shape=shape, offset=data_start + begin
    )
