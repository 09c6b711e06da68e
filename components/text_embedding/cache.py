"""Vectors kept between runs, in Parquet files by encoder and content.

A file's name says which keys may be in it, so that a worker opens only those
that its texts may have, and of these it reads the vectors only where a key
is wanted. A file appears by a rename, under a name made of its content, so
that runs side by side never see half a file and never write over each other.
A file that cannot be read is left out, and what was in it is encoded again.
"""

import hashlib
import logging
import re
import uuid
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schema.errors import DataError

KEY_BYTES = 16
# Keys in an array: fixed length, so that trailing zeros make no difference.
KEY_DTYPE = np.dtype(f"S{KEY_BYTES}")
# Goes into the names of cache folders; of a change, old files are not found.
LAYOUT = 2
_SCHEMA = pa.schema(
    [
        ("key", pa.binary(KEY_BYTES)),
        ("vector", pa.list_(pa.float32())),
    ]
)
_SUFFIX = ".parquet"
# Of a key, what shards and file names are made of.
_PREFIX_BYTES = 4
_NAME = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})-[0-9a-f]{32}\.parquet")
_log = logging.getLogger(__name__)


def text_key(role: str, text: bytes) -> bytes:
    """Returns the 16 bytes that a text has in the cache."""
    return hashlib.blake2b(
        role.encode() + b"\0" + text, digest_size=KEY_BYTES
    ).digest()


def key_array(keys: Iterable[bytes]) -> np.ndarray:
    """Makes an array of `KEY_DTYPE` from `text_key`s."""
    return np.frombuffer(b"".join(keys), KEY_DTYPE)


def shard_of(keys: np.ndarray, shards: int) -> np.ndarray:
    """Cuts the space of keys into ranges of equal size.

    Args:
      keys: `KEY_DTYPE` [n].
      shards: How many ranges.

    Returns:
      int64 [n], 0 to `shards` - 1.
    """
    prefixes = _prefixes(keys).astype(np.uint64)
    return ((prefixes * np.uint64(shards)) >> np.uint64(32)).astype(np.int64)


def _prefixes(keys: np.ndarray) -> np.ndarray:
    octets = np.ascontiguousarray(keys).view(np.uint8)
    octets = octets.reshape(-1, KEY_BYTES)[:, :_PREFIX_BYTES]
    return np.ascontiguousarray(octets).view(">u4")[:, 0]


def list_files(folder: str) -> list[str]:
    """Returns the cache's files; none where the folder is not there."""
    pattern = FileSystems.join(folder, f"*{_SUFFIX}")
    (found,) = FileSystems.match([pattern])
    return sorted(entry.path for entry in found.metadata_list)


def prepare(folder: str) -> None:
    """Makes the folder, whoever else may be making it.

    Raises:
      DataError: It cannot be made.
    """
    try:
        FileSystems.mkdirs(folder)
    except OSError as error:
        if not FileSystems.exists(folder):
            raise DataError(
                f"the cache of text vectors {folder} cannot be made: {error}"
            ) from error


def look_up(
    paths: Iterable[str], keys: np.ndarray, dimension: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Reads the vectors of keys, a file at a time.

    Args:
      paths: Of `list_files`.
      keys: `KEY_DTYPE` [n], rising, each once.
      dimension: Length that vectors must have; 0 if not known.

    Yields:
      Positions in `keys`, int64 [m], and their vectors, float32
      [m, dimension], m above 0. A key that two files have comes twice.
    """
    if not len(keys):
        return
    first, last = _prefixes(keys[[0, -1]])
    for path in paths:
        name = _NAME.fullmatch(path.rpartition("/")[2])
        if name is None:
            _log.warning("The cache file %s has a name of another kind", path)
            continue
        if int(name[1], 16) <= last and int(name[2], 16) >= first:
            positions, vectors = read_file(path, keys, dimension)
            if len(positions):
                yield positions, vectors


def read_file(
    path: str, keys: np.ndarray, dimension: int
) -> tuple[np.ndarray, np.ndarray]:
    """Reads the vectors that one file has of some keys.

    Args:
      path: A file of `list_files`.
      keys: `KEY_DTYPE` [n], rising, each once.
      dimension: Length that vectors must have; 0 if not known.

    Returns:
      Positions in `keys`, int64 [m], and their vectors, float32 [m, d].
      Nothing, after a warning, where the file cannot be read or holds
      something else.
    """
    try:
        with FileSystems.open(
            path, compression_type=CompressionTypes.UNCOMPRESSED
        ) as stream:
            file = pq.ParquetFile(stream, page_checksum_verification=True)
            if not file.schema_arrow.equals(_SCHEMA):
                raise ValueError(
                    f"columns {file.schema_arrow.names} of other types"
                )
            column = file.read(columns=["key"])["key"]
            if column.null_count:
                raise ValueError("empty keys")
            there = key_array(column.to_pylist())
            places = np.searchsorted(keys, there)
            places[places == len(keys)] = 0
            rows = np.flatnonzero(keys[places] == there)
            if not len(rows):
                return _nothing(dimension)
            vectors = _matrix(file.read(columns=["vector"])["vector"])
            if dimension and vectors.shape[1] != dimension:
                raise ValueError(f"vectors of length {vectors.shape[1]}")
            return places[rows], vectors[rows]
    except (OSError, ValueError, pa.ArrowException) as error:
        _log.warning(
            "The cache file %s is left out and its texts are encoded again: %s",
            path,
            error,
        )
        return _nothing(dimension)


def _nothing(dimension: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(0, np.int64), np.zeros((0, dimension), np.float32)


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """Checks a column of vectors; float32 [rows, dimension].

    Raises:
      ValueError: They differ in length, or are not finite.
    """
    vectors = column.combine_chunks()
    if vectors.null_count:
        raise ValueError("empty rows")
    lengths = np.unique(np.diff(vectors.offsets.to_numpy()))
    if len(lengths) != 1 or not lengths[0]:
        raise ValueError(f"vectors of lengths {lengths.tolist()}")
    flat = vectors.flatten().to_numpy(zero_copy_only=False)
    if not np.isfinite(flat).all():
        raise ValueError("numbers that are not finite")
    return flat.reshape(len(vectors), -1)


def write_file(folder: str, keys: np.ndarray, vectors: np.ndarray) -> str:
    """Adds vectors to the cache.

    Args:
      folder: Made by `prepare`.
      keys: `KEY_DTYPE` [rows], at least one.
      vectors: float32 [rows, dimension].

    Returns:
      The new file's path.
    """
    order = np.argsort(keys)
    content = keys[order].tobytes()
    first, last = _prefixes(keys[order[[0, -1]]])
    digest = hashlib.blake2b(content, digest_size=KEY_BYTES).hexdigest()
    name = f"{first:08x}-{last:08x}-{digest}{_SUFFIX}"
    target = FileSystems.join(folder, name)
    columns = [key_column(keys[order]), vector_column(vectors[order])]
    table = pa.table(columns, schema=_SCHEMA)
    made = FileSystems.join(folder, f".{name}-{uuid.uuid4().hex}")
    with FileSystems.create(
        made, compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        # Vectors do not compress, and their values do not repeat.
        pq.write_table(
            table,
            file,
            compression="none",
            use_dictionary=False,
            write_page_checksum=True,
        )
    try:
        FileSystems.rename([made], [target])
    except OSError:
        # Some filesystems rename onto nothing that is there. A run beside
        # this one wrote the same keys, so its file will do.
        if not FileSystems.exists(target):
            raise
        FileSystems.delete([made])
    return target


def key_column(keys: np.ndarray) -> pa.FixedSizeBinaryArray:
    """Makes a column of `KEY_DTYPE` [n]; zeros at a key's end stay."""
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(KEY_BYTES), len(keys), [None, pa.py_buffer(keys.tobytes())]
    )


def vector_column(vectors: np.ndarray) -> pa.ListArray:
    """Makes a column of lists from float32 [rows, dimension]."""
    rows, dimension = vectors.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * dimension
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(vectors.reshape(-1), pa.float32())
    )
