"""Reads delimited text files in batches, every column as text.

Types are the adapters' business: a reader that infers them fails on the first
bad value of a file of a hundred million rows.
"""

import codecs
import csv
import dataclasses
import io
import pathlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv

from schema.errors import DataError

# A row must fit into a block, so that a title of ten million characters is
# read, and put aside later for its length.
BLOCK_BYTES = 64 * 2**20
_HEADER_CHARACTERS = 2**20
# What Arrow says of a file without a line after its header.
_NO_ROWS = ("Empty CSV", "file is too short")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a file is written.

    Attributes:
      delimiter: One character between fields.
      encoding: A codec that Python knows; a UTF-8 byte order mark wins.
      quote: The character around fields that hold a delimiter, `""` for none.
      header: Names of the columns where the file has no header line.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    quote: str = '"'
    header: tuple[str, ...] = ()


def find_file(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the path of a file.

    Raises:
      DataError: It is not there; names the folder and what is in it.
    """
    path = pathlib.Path(folder) / name
    if not path.is_file():
        raise DataError(f"{name} is missing in {folder}; {_listing(folder)}")
    return path


def find_files(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    """Returns the files that match a pattern, sorted by name.

    Raises:
      DataError: None does; names the folder and what is in it.
    """
    paths = sorted(pathlib.Path(folder).glob(pattern))
    if not paths:
        raise DataError(
            f"no file {pattern} in {folder}; {_listing(pathlib.Path(folder))}"
        )
    return paths


def _listing(folder):
    """Says what a folder holds, in a few names."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return "there is no such folder"
    names = sorted(path.name for path in folder.iterdir())
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"found: {', '.join(names[:8]) or 'nothing'}{more}"


def _encoding(path, dialect):
    """Returns the file's codec: UTF-8 where it begins with that mark."""
    with path.open("rb") as file:
        if file.read(3) == codecs.BOM_UTF8:
            return "utf-8"
    return dialect.encoding


def read_header(path: pathlib.Path, dialect: Dialect) -> list[str]:
    """Returns the column names of a file.

    Raises:
      DataError: The file is empty, a name comes twice, or the first line is
        not in the encoding.
    """
    if dialect.header:
        names = list(dialect.header)
    else:
        encoding = _encoding(path, dialect)
        try:
            with path.open(encoding=encoding, newline="") as file:
                text = file.readline(_HEADER_CHARACTERS)
        except UnicodeDecodeError as error:
            raise _bad_file(path, encoding, error) from None
        text = text.removeprefix("\ufeff")
        rows = csv.reader(io.StringIO(text), **_quoting(dialect))
        names = [name.strip() for name in next(rows, [])]
    if not names or path.stat().st_size == 0:
        raise DataError(f"{path} is empty; a header line and rows are needed")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: the column {twice[0]!r} comes twice")
    return names


def read_text(
    path: pathlib.Path, columns: list[str], dialect: Dialect
) -> Iterator[pa.Table]:
    """Yields the rows of a file, in order, as columns of text.

    A line with too few fields yields the fields that it has and nulls; one
    with too many yields nulls only, because no field can be trusted to stand
    in its place. Such lines come after the others of their block.

    Args:
      path: The file.
      columns: Which columns are wanted.
      dialect: How the file is written.

    Yields:
      Tables of the wanted columns, all of them strings; `""` stays as it is.

    Raises:
      DataError: The file is empty, lacks a wanted column, or holds bytes that
        are not in its encoding.
    """
    names = read_header(path, dialect)
    for column in columns:
        if column not in names:
            raise DataError(
                f"{path} has no column {column!r}; found: {', '.join(names)}"
            )
    encoding = _encoding(path, dialect)
    broken: list[str] = []

    def set_aside(row):
        short = row.actual_columns < len(names)
        broken.append(row.text if short else "")
        return "skip"

    rows = 0
    try:
        with pyarrow.csv.open_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(
                column_names=names,
                skip_rows=0 if dialect.header else 1,
                block_size=BLOCK_BYTES,
                encoding=encoding,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote or False,
                newlines_in_values=bool(dialect.quote),
                invalid_row_handler=set_aside,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in names},
                include_columns=columns,
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        ) as reader:
            for batch in reader:
                # Arrow may append to it meanwhile, from its own thread.
                lines = broken[: len(broken)]
                del broken[: len(lines)]
                table = pa.concat_tables(
                    [
                        pa.Table.from_batches([batch]),
                        _short_rows(lines, names, columns, dialect),
                    ]
                ).combine_chunks()
                rows += table.num_rows
                yield table
    except (pa.ArrowException, UnicodeDecodeError) as error:
        if not any(words in str(error) for words in _NO_ROWS):
            raise _bad_file(path, encoding, error) from error
    if broken:
        rows += len(broken)
        yield _short_rows(broken, names, columns, dialect)
    if not rows:
        raise DataError(f"{path} holds no rows")


def _short_rows(lines, names, columns, dialect):
    """Returns the rows of lines that have too few fields, or too many."""
    fields = [_fields(line, dialect) for line in lines]
    at = {column: names.index(column) for column in columns}
    return pa.table(
        {
            column: pa.array(
                [row[i] if i < len(row) else None for row in fields],
                pa.string(),
            )
            for column, i in at.items()
        }
    )


def _fields(line, dialect):
    """Returns the fields of one line; none where it is too broken for that."""
    try:
        return next(csv.reader([line], **_quoting(dialect)), [])
    except csv.Error:
        return []


def _quoting(dialect):
    """Returns the arguments with which `csv.reader` reads the dialect."""
    if dialect.quote:
        return {"delimiter": dialect.delimiter, "quotechar": dialect.quote}
    return {"delimiter": dialect.delimiter, "quoting": csv.QUOTE_NONE}


def _bad_file(path, encoding, error):
    """Says what is wrong with a file that Arrow refused."""
    wrong = _bad_encoding(path, encoding)
    if wrong:
        return wrong
    return DataError(f"{path} cannot be read: {str(error).splitlines()[0]}")


def _bad_encoding(path, encoding):
    """Returns the error that names the first wrong byte, None if all fit."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(2**20)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                at = offset - held + error.start
                byte = error.object[error.start]
                return DataError(
                    f"{path} is not in the encoding {encoding}: byte 0x"
                    f"{byte:02x} at offset {at}; expected: {encoding}"
                )
            if not chunk:
                return None
            offset += len(chunk)
