"""Your own tables: CSV or Parquet, with columns under other names.

Without a `tables.json` in the folder, each table is `<table>.parquet`,
`<table>.csv`, or a folder `<table>/` of such files, with the contract's
column names. With one, it says for each table what differs:

    {"events": {"files": "log-*.csv", "encoding": "gb18030",
                "columns": {"user_id": "uid", "timestamp": "ts"},
                "event_types": {"浏览": "view"}, "time_unit": "ms"},
     "items": {"files": "goods.parquet", "columns": {"item_id": "sku"}}}

A value that cannot be read as its column's type becomes null and is counted;
rows without a required value are put aside by the pipeline.
"""

import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from datasets import typed, values
from datasets.delimited import Dialect, find_files, read_header, read_text
from datasets.tables import Counts, conform, drop_table, write_table
from schema import contract
from schema.errors import DataError
from schema.settings import Settings, SettingsError

CONFIG = "tables.json"
TIME_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000}
_ENDINGS = (".parquet", ".csv")
_BATCH_ROWS = 65_536


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableSource(Settings):
    """Where a table is and how it is written.

    Attributes:
      files: File or pattern, relative to the folder; `""` looks for the names
        that the module's docstring gives. Parquet by its ending, else text.
      columns: Contract's column to the file's column, where they differ.
      delimiter: Between fields of text files; one character.
      encoding: Of text files; a codec that Python knows.
      quote: Around fields of text files; `""` for none.
      list_separator: Between the values of a list in one field.
      time_unit: Of numbers in time columns: `s`, `ms` or `us`.
      time_format: Of text in time columns, as `strptime` takes it; `""` where
        they are numbers.
      utc_offset_hours: Of times without a zone: local time minus UTC, -12
        to 14.
      event_types: The log's event types to the contract's, where they differ.
    """

    files: str = ""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    delimiter: str = ","
    encoding: str = "utf-8"
    quote: str = '"'
    list_separator: str = "|"
    time_unit: str = "s"
    time_format: str = ""
    utc_offset_hours: float = 8.0
    event_types: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.check(
            "files",
            not pathlib.PurePath(self.files).is_absolute(),
            "a path or pattern relative to the folder",
        )
        self.check("delimiter", len(self.delimiter) == 1, "one character")
        self.check("quote", len(self.quote) <= 1, "one character or none")
        self.check(
            "list_separator", len(self.list_separator) == 1, "one character"
        )
        units = ", ".join(TIME_UNITS)
        self.check("time_unit", self.time_unit in TIME_UNITS, units)
        self.check(
            "utc_offset_hours", -12 <= self.utc_offset_hours <= 14, "-12 to 14"
        )
        self.check(
            "event_types",
            set(self.event_types.values()) <= set(contract.EVENT_TYPES),
            f"values among {', '.join(contract.EVENT_TYPES)}",
        )
        self.check("encoding", _is_codec(self.encoding), "a Python codec")

    def reading(self) -> typed.Reading:
        """Returns how values are read."""
        return typed.Reading(
            list_separator=self.list_separator,
            units_per_second=TIME_UNITS[self.time_unit],
            time_format=self.time_format,
            utc_offset_hours=self.utc_offset_hours,
        )


def _is_codec(name):
    """Says whether Python knows the encoding."""
    try:
        "".encode(name)
    except LookupError:
        return False
    return True


def read_config(source_dir: pathlib.Path) -> dict[str, TableSource]:
    """Reads `tables.json`, or takes the tables that the folder holds.

    Raises:
      DataError: The file is not valid, or a required table is not there.
      SettingsError: A field is unknown or a value is not allowed.
    """
    source_dir = pathlib.Path(source_dir)
    path = source_dir / CONFIG
    if path.exists():
        try:
            given = json.loads(path.read_text(encoding="utf-8"))
            sources = {
                name: TableSource.from_json(json.dumps(fields))
                for name, fields in given.items()
            }
        except SettingsError as error:
            raise SettingsError(f"{path}: {error}") from None
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(
                f"{path} is not an object of table to settings: {error}"
            ) from None
    else:
        sources = {
            name: TableSource()
            for name in contract.TABLES
            if name in contract.REQUIRED_TABLES or _default(source_dir, name)
        }
    for name in sources:
        if name not in contract.TABLES:
            raise DataError(
                f"{path} names the table {name!r}; allowed: "
                f"{', '.join(contract.TABLES)}"
            )
    for name in contract.REQUIRED_TABLES:
        if name not in sources:
            raise DataError(f"{path} does not name the table {name!r}")
    return sources


def _default(source_dir, name):
    """Returns the pattern of a table's files under their usual names."""
    for ending in _ENDINGS:
        for pattern in (f"{name}{ending}", f"{name}/*{ending}"):
            if next(source_dir.glob(pattern), None):
                return pattern
    return ""


def _mapping(path, name, source, found) -> dict[str, str]:
    """Returns the contract's columns that a file has, with its names.

    Raises:
      DataError: A mapped or required column is not in the file, or the
        mapping names a column that the contract does not have.
    """
    known = {column.name: column for column in contract.TABLES[name]}
    for column, given in source.columns.items():
        if column not in known:
            raise DataError(
                f"table {name} has no column {column!r} to map {given!r} to; "
                f"allowed: {', '.join(known)}"
            )
    mapping = {}
    for column in known.values():
        given = source.columns.get(column.name, column.name)
        if given in found:
            mapping[column.name] = given
        elif column.required or column.name in source.columns:
            raise DataError(
                f"{path} has no column {given!r} for {name}.{column.name}; "
                f"found: {', '.join(found)}"
            )
    return mapping


def _batches(path, name, source) -> Iterator[pa.Table]:
    """Yields a file's rows under the contract's names, types as they are."""
    if path.suffix == ".parquet":
        try:
            with pq.ParquetFile(path) as file:
                names = file.schema_arrow.names
                mapping = _mapping(path, name, source, names)
                for batch in file.iter_batches(
                    _BATCH_ROWS, columns=list(dict.fromkeys(mapping.values()))
                ):
                    yield pa.table(
                        {to: batch.column(at) for to, at in mapping.items()}
                    )
        except pa.ArrowException as error:
            raise DataError(f"{path} is not Parquet: {error}") from error
        return
    dialect = Dialect(
        delimiter=source.delimiter,
        encoding=source.encoding,
        quote=source.quote,
    )
    mapping = _mapping(path, name, source, read_header(path, dialect))
    for text in read_text(path, list(dict.fromkeys(mapping.values())), dialect):
        yield pa.table({to: text[at] for to, at in mapping.items()})


def _rows(paths, name, source, counts: Counts) -> Iterator[pa.Table]:
    """Yields the rows of a table's files in contract form."""
    reading = source.reading()
    known = {column.name: column for column in contract.TABLES[name]}
    for path in paths:
        for batch in _batches(path, name, source):
            counts.read += batch.num_rows
            columns = {}
            for column in batch.column_names:
                columns[column], lost = reading.read(
                    batch[column], known[column], path
                )
                counts.unreadable += lost
            if "event_type" in columns and source.event_types:
                columns["event_type"] = values.recode(
                    columns["event_type"], dict(source.event_types)
                )
            yield pa.table(columns)


def read_file(path: pathlib.Path, name: str) -> pa.Table:
    """Reads one file of a table, which fits into memory.

    Args:
      path: CSV or Parquet by its ending, with the contract's column names.
      name: One of `contract.TABLES`.

    Returns:
      The contract's columns in its types; what cannot be read is null.

    Raises:
      DataError: The file cannot be read, lacks a required column, or has no
        rows.
    """
    batches = [
        conform(batch, name)
        for batch in _rows([path], name, TableSource(), Counts())
    ]
    if not sum(batch.num_rows for batch in batches):
        raise DataError(f"{path} holds no rows")
    return pa.concat_tables(batches)


def convert(
    source_dir: pathlib.Path,
    data_dir: pathlib.Path,
    sources: Mapping[str, TableSource] | None = None,
) -> dict[str, dict[str, int]]:
    """Writes the tables that the folder holds; earlier others are removed.

    Args:
      source_dir: Folder with the files.
      data_dir: Folder of the contract's tables; another one.
      sources: Table to where it is; read from the folder if not given.

    Returns:
      Counts of each table, as in `tables.Counts`.

    Raises:
      DataError: A file or column is missing, a file is empty or in another
        encoding, or a column's type does not fit.
      SettingsError: A field of `tables.json` is unknown or not allowed.
    """
    source_dir, data_dir = pathlib.Path(source_dir), pathlib.Path(data_dir)
    if source_dir.resolve() == data_dir.resolve():
        raise DataError(
            f"{source_dir} is both source and target; choose another target"
        )
    sources = read_config(source_dir) if sources is None else sources
    result = {}
    for name in contract.TABLES:
        if name not in sources:
            drop_table(name, data_dir)
            continue
        source = sources[name]
        pattern = source.files or _default(source_dir, name) or f"{name}.csv"
        counts = Counts()
        rows = _rows(find_files(source_dir, pattern), name, source, counts)
        counts.written = write_table(rows, name, data_dir)
        result[name] = dataclasses.asdict(counts)
    return result
