"""Reads the texts that a student learns from, and holds some of them out."""

import csv
import hashlib
import pathlib
from collections.abc import Iterable, Iterator

from schema.errors import DataError

# One text in so many is held out.
_HELD_OUT = 50
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def read_texts(sources: Iterable[str]) -> tuple[str, ...]:
    """Reads texts, each once, in the order in which they first come.

    Args:
      sources: `FILE` has a text a line, after the line's last tab where there
        is one; `FILE:COLUMN` is Parquet (`.parquet`), or CSV or TSV with a
        header (`.csv`, `.tsv`).

    Raises:
      DataError: A file is missing, is not UTF-8 or not what its name says,
        has no such column, or no text.
    """
    found: dict[str, None] = {}
    for source in sources:
        seen = 0
        for text in _read(source):
            if cleaned := " ".join(text.split()):
                found[cleaned] = None
                seen += 1
        if not seen:
            raise DataError(f"{source} has no text; needed: at least one")
    return tuple(found)


def is_held_out(text: str) -> bool:
    """Whether a text is for measuring and never for training.

    Decided by the text alone, so that a text is on the same side in every
    training and every benchmark.
    """
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest) % _HELD_OUT == 0


def _read(source: str) -> Iterator[str]:
    name, _, column = source.rpartition(":")
    if not name or pathlib.Path(source).is_file():
        name, column = source, ""
    path = pathlib.Path(name)
    if not path.is_file():
        raise DataError(f"{path} is missing; needed: a file of texts")
    try:
        if not column:
            with path.open(encoding="utf-8") as file:
                for line in file:
                    yield line.rstrip("\n").rpartition("\t")[2]
        elif path.suffix == ".parquet":
            yield from _parquet_column(path, column)
        elif path.suffix in _DELIMITERS:
            yield from _csv_column(path, column)
        else:
            raise DataError(
                f"{source}: only .parquet, {', '.join(_DELIMITERS)} have "
                "columns; other files are read line by line, without :COLUMN"
            )
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (byte {error.start} of a block)"
        ) from error


def _parquet_column(path: pathlib.Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path} is not Parquet: {error}") from error
    names = file.schema_arrow.names
    _check_column(path, column, names)
    for batch in file.iter_batches(columns=[column]):
        for text in batch[column].cast(pa.string()).to_pylist():
            yield text or ""


def _csv_column(path: pathlib.Path, column: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=_DELIMITERS[path.suffix])
        _check_column(path, column, reader.fieldnames or [])
        for row in reader:
            yield row[column] or ""


def _check_column(path, column, names):
    if column not in names:
        raise DataError(
            f"{path} has no column {column!r}; allowed: {', '.join(names)}"
        )
