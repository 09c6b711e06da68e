"""Vectors kept between runs, in Parquet files by encoder and content.

A file appears by a rename, under a name made of its content, so that runs
side by side never see half a file and never write over each other. A file
that cannot be read is left out, and what was in it is encoded again.
"""

import hashlib
import logging
import uuid
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schema.errors import DataError

KEY_BYTES = 16
_SCHEMA = pa.schema(
    [
        ("key", pa.binary(KEY_BYTES)),
        ("vector", pa.list_(pa.float32())),
    ]
)
_SUFFIX = ".parquet"
_log = logging.getLogger(__name__)


def text_key(role: str, text: bytes) -> bytes:
    """Returns the 16 bytes that a text has in the cache."""
    return hashlib.blake2b(
        role.encode() + b"\0" + text, digest_size=KEY_BYTES
    ).digest()


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


def read_file(path: str, dimension: int) -> Iterator[tuple[bytes, bytes]]:
    """Reads keys and vectors of one file.

    Args:
      path: A file of `list_files`.
      dimension: Length that vectors must have; 0 if not known.

    Yields:
      Key and vector, the latter as float32 bytes. Nothing, after a warning,
      where the file cannot be read or holds something else.
    """
    try:
        with FileSystems.open(
            path, compression_type=CompressionTypes.UNCOMPRESSED
        ) as file:
            table = pq.read_table(
                pa.BufferReader(file.read()),
                page_checksum_verification=True,
            )
        if not table.schema.equals(_SCHEMA):
            raise ValueError(f"columns {table.schema.names} of other types")
        vectors = table["vector"].combine_chunks()
        flat = vectors.flatten().to_numpy(zero_copy_only=False)
        lengths = set(np.diff(vectors.offsets.to_numpy()).tolist())
        expected = {dimension} if dimension else lengths
        if len(lengths) > 1 or not lengths <= expected or 0 in lengths:
            raise ValueError(f"vectors of lengths {sorted(lengths)}")
        if len(flat) != table.num_rows * sum(lengths):
            raise ValueError("empty rows")
        if not np.isfinite(flat).all():
            raise ValueError("numbers that are not finite")
    except (OSError, ValueError, pa.ArrowException) as error:
        _log.warning(
            "The cache file %s is left out and its texts are encoded again: %s",
            path,
            error,
        )
        return
    rows = flat.reshape(table.num_rows, -1)
    for key, row in zip(table["key"].to_pylist(), rows, strict=True):
        yield key, row.tobytes()


def write_file(folder: str, keys: list[bytes], vectors: np.ndarray) -> str:
    """Adds vectors to the cache.

    Args:
      folder: Made by `prepare`.
      keys: `text_key` of each row.
      vectors: float32 [rows, dimension].

    Returns:
      The new file's path.
    """
    name = hashlib.blake2b(b"".join(keys), digest_size=KEY_BYTES).hexdigest()
    target = FileSystems.join(folder, name + _SUFFIX)
    table = pa.table(
        [
            pa.array(keys, _SCHEMA.field("key").type),
            vector_column(vectors),
        ],
        schema=_SCHEMA,
    )
    made = FileSystems.join(folder, f".{name}-{uuid.uuid4().hex}")
    with FileSystems.create(
        made, compression_type=CompressionTypes.UNCOMPRESSED
    ) as file:
        pq.write_table(table, file, write_page_checksum=True)
    FileSystems.rename([made], [target])
    return target


def vector_column(vectors: np.ndarray) -> pa.ListArray:
    """Makes a column of lists from float32 [rows, dimension]."""
    rows, dimension = vectors.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * dimension
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(vectors.reshape(-1), pa.float32())
    )
