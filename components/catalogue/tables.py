"""Files that nodes hand from stage to stage, and Examples, read and written.

All paths may be remote: files go through Beam's file systems, Examples
through TensorFlow's. A file appears whole or not at all, so that a stage that
is run again does no harm.
"""

import contextlib
import heapq
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder
from tfx_bsl.tfxio import dataset_options, tf_example_record

from models import shards

_GZIP = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


def example_files(uri: str) -> list[str]:
    """Lists the files of an Examples artifact, in order, of all its splits.

    A table is wanted whole, into whatever splits its ExampleGen cut it.
    """
    return sorted(tf.io.gfile.glob(f"{uri}/Split-*/*"))


def ingested_files(uri: str) -> list[str]:
    """Lists the files that an ExampleGen wrote.

    Our own nodes write none for a shard without rows; Beam writes all.

    Raises:
      DataError: One of the numbered files is missing.
    """
    files = example_files(uri)
    shards.check_complete(files)
    return files


def source_of(table: str, path: str) -> str:
    """Names a file of Examples without where the artifact lies."""
    return "/".join([table, *path.split("/")[-2:]])


def read_examples(path: str, batch_size: int) -> Iterator[pa.RecordBatch]:
    """Decodes one gzip TFRecord file of Examples, in its order.

    Columns are `large_list`s with the types found in the batch, as no schema
    is given: a CSV's guessed types are the reader's business.

    Raises:
      DataError: The file is damaged or was written by half.
    """
    shards.check_whole([path])
    source = tf_example_record.TFExampleRecord(
        [path], telemetry_descriptors=["daogou"]
    )
    yield from source.RecordBatches(
        dataset_options.RecordBatchesOptions(
            batch_size=batch_size,
            drop_final_batch=False,
            num_epochs=1,
            shuffle=False,
        )
    )


def write_examples(path: str, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes batches of list columns as a gzip TFRecord file of Examples.

    Returns:
      How many Examples were written.
    """
    encoder = RecordBatchToExamplesEncoder()
    partial = f"{path}.partial"
    tf.io.gfile.makedirs(path.rpartition("/")[0])
    written = 0
    with tf.io.TFRecordWriter(partial, _GZIP) as writer:
        for batch in batches:
            for example in encoder.encode(batch):
                writer.write(example)
            written += batch.num_rows
    tf.io.gfile.rename(partial, path, overwrite=True)
    return written


def as_lists(values: pa.Array) -> pa.Array:
    """Returns [rows] values as a list column with one value in each row."""
    offsets = pa.array(np.arange(len(values) + 1, dtype=np.int64))
    return pa.LargeListArray.from_arrays(offsets, values)


def list_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Makes of columns, plain ones and lists, what `write_examples` takes."""
    return pa.RecordBatch.from_arrays(
        [_list_column(column) for column in batch.columns],
        batch.schema.names,
    )


def _list_column(column):
    if pa.types.is_large_list(column.type):
        if pa.types.is_large_string(column.type.value_type):
            return column.cast(pa.large_list(pa.large_binary()))
        return column
    if pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    return as_lists(column)


def pack(table: pa.Table) -> bytes:
    """Serialises a table, compressed, to pass it between Beam stages."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def unpack(packed: bytes) -> pa.Table:
    """Reads what `pack` wrote."""
    return pa.ipc.open_stream(packed).read_all()


@contextlib.contextmanager
def _created(path):
    partial = f"{path}.partial"
    folder = path.rpartition("/")[0]
    if not FileSystems.exists(folder):
        # Another worker may have been quicker.
        with contextlib.suppress(OSError):
            FileSystems.mkdirs(folder)
    with FileSystems.create(
        partial, compression_type=CompressionTypes.UNCOMPRESSED
    ) as sink:
        yield sink
    if FileSystems.exists(path):
        FileSystems.delete([path])
    FileSystems.rename([partial], [path])


def write_bytes(path: str, content: bytes) -> None:
    """Writes a file whole."""
    with _created(path) as sink:
        sink.write(content)


def read_bytes(path: str) -> bytes:
    """Reads a file whole."""
    with FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    ) as source:
        return source.read()


def write_parquet(
    path: str, schema: pa.Schema, tables: Iterable[pa.Table]
) -> int:
    """Writes tables one after the other into one Parquet file.

    Returns:
      How many rows were written.
    """
    rows = 0
    with (
        _created(path) as sink,
        pq.ParquetWriter(sink, schema, compression="zstd") as writer,
    ):
        for table in tables:
            if table.num_rows:
                writer.write_table(table.cast(schema))
                rows += table.num_rows
    return rows


def read_parquet(path: str, batch_size: int) -> Iterator[pa.Table]:
    """Reads a Parquet file a batch of rows at a time."""
    with FileSystems.open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    ) as source:
        file = pq.ParquetFile(source)
        # PyArrow cannot iterate over a file without rows.
        if file.metadata.num_rows:
            for batch in file.iter_batches(batch_size):
                yield pa.Table.from_batches([batch])


def merge_sorted(
    paths: list[str], key: str, batch_size: int
) -> Iterator[pa.Table]:
    """Merges Parquet files that are each sorted by a unique key.

    Holds one batch of each file. Rows of one key from several files come in
    one and the same table, so that a reader can sum them up table by table.

    Args:
      paths: The files; keys (text) ascend strictly in each.
      key: The column.
      batch_size: Rows of each file that are held.

    Yields:
      Tables sorted by key; keys ascend from table to table.
    """
    readers = [read_parquet(path, batch_size) for path in paths]
    held: dict[int, pa.Table] = {}
    ends: list[tuple[str, int]] = []

    def refill(which):
        table = next(readers[which], None)
        if table is not None:
            held[which] = table
            heapq.heappush(ends, (table[key][-1].as_py(), which))

    for which in range(len(readers)):
        refill(which)
    while ends:
        # The file whose batch ends first: no key up to there is unread.
        bound, first = heapq.heappop(ends)
        parts = [held.pop(first)]
        for which, table in list(held.items()):
            covered = pc.less_equal(table[key], bound)
            count = int(pc.sum(covered).as_py() or 0)
            if count:
                parts.append(table.slice(0, count))
            held[which] = table.slice(count)
        for which in [w for w, table in held.items() if not table.num_rows]:
            del held[which]
            ends = [end for end in ends if end[1] != which]
            heapq.heapify(ends)
            refill(which)
        refill(first)
        yield pa.concat_tables(parts).sort_by(key)
