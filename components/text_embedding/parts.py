"""Rows with vectors, written where they are made and not sent through Beam.

Each bundle writes its rows to a file of its own beside the outputs; only the
file's name goes on, and the last step makes one output of the files. Sent as
elements, vectors would be copied and packed several times on their way.
"""

import contextlib
import uuid
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

# Left out by whatever reads the folder, and unlike any output.
_PREFIX = ".part-"
_ROWS_AT_A_TIME = 4096


class PartWriter:
    """A file of rows that is made when the first rows come.

    Args:
      folder: Of the outputs.
      schema: Of the rows.
    """

    def __init__(self, folder: str, schema: pa.Schema):
        self._path = FileSystems.join(folder, f"{_PREFIX}{uuid.uuid4().hex}")
        self._schema = schema
        self._open = contextlib.ExitStack()
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        """Adds rows."""
        if self._writer is None:
            stream = self._open.enter_context(
                FileSystems.create(
                    self._path,
                    compression_type=CompressionTypes.UNCOMPRESSED,
                )
            )
            # Vectors do not compress, and their values do not repeat.
            self._writer = self._open.enter_context(
                pq.ParquetWriter(
                    stream,
                    self._schema,
                    compression="none",
                    use_dictionary=False,
                )
            )
        self._writer.write_table(table)

    def close(self) -> str:
        """Ends the file; returns its path, or `""` where no rows came."""
        self._open.close()
        return self._path if self._writer is not None else ""


def join(
    parts: Sequence[str], folder: str, name: str, schema: pa.Schema
) -> None:
    """Makes one output of parts; it appears whole, in place of an older one.

    Args:
      parts: Of `PartWriter.close`, in any order; they are gone afterwards.
      folder: Of the outputs.
      name: The output's.
      schema: Of the rows.
    """
    made = parts[0] if len(parts) == 1 else _copied(parts, folder, schema)
    target = FileSystems.join(folder, name)
    if FileSystems.exists(target):
        FileSystems.delete([target])
    FileSystems.rename([made], [target])


def clear(folder: str) -> None:
    """Removes the parts that are left, such as those of tries that failed."""
    (found,) = FileSystems.match([FileSystems.join(folder, f"{_PREFIX}*")])
    if found.metadata_list:
        FileSystems.delete([entry.path for entry in found.metadata_list])


def _copied(parts: Sequence[str], folder: str, schema: pa.Schema) -> str:
    writer = PartWriter(folder, schema)
    writer.write(schema.empty_table())
    for path in sorted(parts):
        with FileSystems.open(
            path, compression_type=CompressionTypes.UNCOMPRESSED
        ) as stream:
            for batch in pq.ParquetFile(stream).iter_batches(_ROWS_AT_A_TIME):
                writer.write(pa.Table.from_batches([batch]))
    return writer.close()
