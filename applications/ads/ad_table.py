"""The table of ads: what advertisers ask for, checked row by row.

One row an ad, Parquet or CSV (lists in CSV are separated by `|`):

| column | meaning |
|---|---|
| `ad_id` | which; unique |
| `item_id` | the item that is advertised; each in one ad only |
| `bid` | CNY for a click, at most; 0.01 to 1000 |
| `daily_budget` | CNY a local day (UTC+8), at least the bid |
| `quality` | of the page that a click leads to; above 0, at most 1 |
| `frequency_cap` | showings to one user a day; at least 1 |
| `categories`, `cities`, `devices` | whom for; empty or absent: anybody |
| `starts_at`, `ends_at` | Unix seconds, the end excluded; empty: no limit |

A user is taken to be interested in the categories of the latest items of the
history, see `applications.ads.targeting`.
"""

import dataclasses
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from schema.errors import DataError

FEN = 100
LIST_SEPARATOR = "|"
LISTS = ("categories", "cities", "devices")
_NO_END = np.iinfo(np.int64).max
_REQUIRED = {
    "ad_id": pa.string(),
    "item_id": pa.string(),
    "bid": pa.float64(),
    "daily_budget": pa.float64(),
    "quality": pa.float64(),
    "frequency_cap": pa.int64(),
}
_OPTIONAL = {
    **{name: pa.list_(pa.string()) for name in LISTS},
    "starts_at": pa.int64(),
    "ends_at": pa.int64(),
}
SCHEMA = pa.schema(list((_REQUIRED | _OPTIONAL).items()))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdTable:
    """Ads as arrays, a row each; money in fen.

    Attributes:
      ad_ids, item_ids: Text, unique each.
      bids: int64, fen a click.
      budgets: int64, fen a local day.
      quality: float64, above 0, at most 1.
      caps: int64, showings to one user a day.
      categories, cities, devices: Tuples of what each is for; empty: all.
      starts_at, ends_at: int64, Unix seconds, the end excluded.
    """

    ad_ids: NDArray[np.object_]
    item_ids: NDArray[np.object_]
    bids: NDArray[np.int64]
    budgets: NDArray[np.int64]
    quality: NDArray[np.float64]
    caps: NDArray[np.int64]
    categories: tuple[tuple[str, ...], ...]
    cities: tuple[tuple[str, ...], ...]
    devices: tuple[tuple[str, ...], ...]
    starts_at: NDArray[np.int64]
    ends_at: NDArray[np.int64]

    def __len__(self):
        return len(self.ad_ids)


def read_ads(path: pathlib.Path) -> AdTable:
    """Reads and checks a table of ads.

    Args:
      path: A file that ends in `.parquet` or `.csv`.

    Raises:
      DataError: It cannot be read, or a value is not allowed; names the file,
        the row (from 1, the header not counted), the column and the value.
    """
    if path.suffix not in (".parquet", ".csv"):
        raise DataError(f"{path}: allowed: a file .parquet or .csv")
    try:
        table = (
            pq.read_table(path)
            if path.suffix == ".parquet"
            else pa.csv.read_csv(
                path,
                convert_options=pa.csv.ConvertOptions(
                    # Ids of digits and empty lists would be guessed at.
                    column_types={
                        name: pa.string()
                        for name, dtype in (_REQUIRED | _OPTIONAL).items()
                        if dtype == pa.string() or name in LISTS
                    },
                    strings_can_be_null=True,
                ),
            )
        )
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return check_ads(table, str(path))


def check_ads(table: pa.Table, name: str) -> AdTable:
    """Checks a table of ads and turns it into arrays.

    Args:
      table: Columns as the module says, in any order.
      name: What errors call it.

    Raises:
      DataError: As `read_ads`.
    """
    allowed = _REQUIRED | _OPTIONAL
    if unknown := sorted(set(table.column_names) - set(allowed)):
        raise DataError(
            f"{name} has a column {unknown[0]!r}; allowed: {', '.join(allowed)}"
        )
    columns = {
        column: _typed(table, column, dtype, name)
        for column, dtype in allowed.items()
    }
    if not table.num_rows:
        raise DataError(f"{name} has no rows; allowed: at least one ad")
    check = _Checks(columns, name)
    for column in _REQUIRED:
        check.all(column, columns[column].is_valid(), "a value")
    for column in ("ad_id", "item_id"):
        check.unique(column)
    check.between("bid", 1 / FEN, 1000)
    check.between("daily_budget", 1 / FEN, 1e9)
    check.all(
        "daily_budget",
        pc.greater_equal(columns["daily_budget"], columns["bid"]),
        "at least the bid",
    )
    check.all(
        "quality",
        pc.and_(
            pc.greater(columns["quality"], 0),
            pc.less_equal(columns["quality"], 1),
        ),
        "above 0, at most 1",
    )
    check.between("frequency_cap", 1, 2**31 - 1)
    starts = pc.fill_null(columns["starts_at"], 0)
    ends = pc.fill_null(columns["ends_at"], _NO_END)
    check.all("ends_at", pc.greater(ends, starts), "after starts_at")
    return AdTable(
        ad_ids=_texts(columns["ad_id"]),
        item_ids=_texts(columns["item_id"]),
        bids=_fen(columns["bid"]),
        budgets=_fen(columns["daily_budget"]),
        quality=columns["quality"].to_numpy(),
        caps=columns["frequency_cap"].to_numpy(),
        **{
            column: tuple(
                tuple(part for part in row or () if part)
                for row in columns[column].to_pylist()
            )
            for column in LISTS
        },
        starts_at=starts.to_numpy(),
        ends_at=ends.to_numpy(),
    )


def write_ads(table: pa.Table, path: pathlib.Path) -> AdTable:
    """Writes a table of ads, whole or not at all.

    Args:
      table: Columns as the module says.
      path: A file that ends in `.parquet` or `.csv`.

    Raises:
      DataError: A value is not allowed, or the file's name.
    """
    ads = check_ads(table, str(path))
    half = path.with_name(f".{path.name}.part")
    if path.suffix == ".parquet":
        pq.write_table(table, half)
    elif path.suffix == ".csv":
        for column in LISTS:
            if column in table.column_names:
                place = table.column_names.index(column)
                joined = pc.binary_join(table[column], LIST_SEPARATOR)
                table = table.set_column(place, column, joined)
        pa.csv.write_csv(table, half)
    else:
        raise DataError(f"{path}: allowed: a file .parquet or .csv")
    half.replace(path)
    return ads


class _Checks:
    """Names the first row whose value is not allowed."""

    def __init__(self, columns, name):
        self._columns, self._name = columns, name

    def all(self, column, right, allowed):
        right = pc.fill_null(right, False).to_numpy(zero_copy_only=False)
        if right.all():
            return
        row = int(np.flatnonzero(~right)[0])
        value = self._columns[column][row].as_py()
        raise DataError(
            f"{self._name}, row {row + 1}, {column}: {value!r}; "
            f"allowed: {allowed}"
        )

    def between(self, column, low, high):
        values = self._columns[column]
        inside = pc.and_(
            pc.greater_equal(values, low), pc.less_equal(values, high)
        )
        self.all(column, inside, f"{low:g} to {high:g}")

    def unique(self, column):
        values = self._columns[column].to_numpy(zero_copy_only=False)
        self.all(column, pc.not_equal(self._columns[column], ""), "not empty")
        _, first, row = np.unique(
            values.astype(str), return_index=True, return_inverse=True
        )
        again = first[row] != np.arange(len(values))
        self.all(column, pa.array(~again), "each in one row only")


def _typed(table, column, dtype, name):
    if column not in table.column_names:
        if column in _REQUIRED:
            raise DataError(
                f"{name} has no column {column!r}; it has "
                f"{', '.join(table.column_names) or 'none'}"
            )
        return pa.nulls(table.num_rows, dtype)
    values = table[column].combine_chunks()
    if pa.types.is_list(dtype) and pa.types.is_string(values.type):
        values = pc.split_pattern(values, LIST_SEPARATOR)
    try:
        return values.cast(dtype)
    except pa.ArrowException as error:
        raise DataError(f"{name}, column {column!r}: {error}") from error


def _texts(values):
    return np.array(values.to_pylist(), object)


def _fen(values):
    """Returns int64 fen; what is less than one is cut, never added."""
    return np.floor(values.to_numpy() * FEN + 1e-6).astype(np.int64)
