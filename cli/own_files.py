"""Turns the options of `data convert --source csv` into tabular's settings."""

import glob
import os
import pathlib
import typing
from collections.abc import Iterable, Mapping

import click

from schema.contract import REQUIRED_TABLES, TABLES


def parse_pairs(option: str, pairs: Iterable[str]) -> dict[str, str]:
    """Splits `LEFT=RIGHT` at the first `=`.

    Args:
      option: What to call the option in an error.
      pairs: As they were given.

    Raises:
      click.BadParameter: A side is empty, or the left one comes twice.

    >>> parse_pairs("--map", ["user_id=uid", "events.price=a=b"])
    {'user_id': 'uid', 'events.price': 'a=b'}
    """
    parsed: dict[str, str] = {}
    for pair in pairs:
        left, _, right = pair.partition("=")
        if not left or not right:
            raise click.BadParameter(
                f"{pair!r} is not of the form LEFT=RIGHT", param_hint=option
            )
        if left in parsed:
            raise click.BadParameter(
                f"{left!r} is given twice", param_hint=option
            )
        parsed[left] = right
    return parsed


def columns_of(table: str, mapping: Mapping[str, str]) -> dict[str, str]:
    """Returns the part of a mapping that concerns one table.

    Args:
      table: Of the contract.
      mapping: `column` or `table.column` of the contract to the file's; the
        latter goes before the former.

    >>> columns_of("items", {"item_id": "sku", "events.item_id": "id"})
    {'item_id': 'sku'}
    >>> columns_of("events", {"item_id": "sku", "events.item_id": "id"})
    {'item_id': 'id'}
    """
    columns = {}
    for column in (column.name for column in TABLES[table]):
        for key in (column, f"{table}.{column}"):
            if key in mapping:
                columns[column] = mapping[key]
    return columns


def convert(
    files: Mapping[str, pathlib.Path],
    target: pathlib.Path,
    *,
    mapping: Mapping[str, str],
    event_types: Mapping[str, str],
    text_format: Mapping[str, typing.Any],
) -> dict[str, dict[str, int]]:
    """Converts files of your own into the contract's tables.

    Args:
      files: Table to its CSV or Parquet file.
      target: Gets one folder a table.
      mapping: As `columns_of` takes it.
      event_types: The log's event types to the contract's.
      text_format: Fields of `tabular.TableSource` that hold for all files.

    Returns:
      Counts of each table.

    Raises:
      click.BadParameter: A name in the mapping is no column of the tables.
      click.UsageError: A required table has no file.
      DataError: A file cannot be read as its table.
      SettingsError: A value of `event_types` or `text_format` is not allowed.
    """
    from datasets import tabular

    for table in REQUIRED_TABLES:
        if table not in files:
            raise click.UsageError(f"--source csv needs --{table} FILE")
    _refuse_unknown(files, mapping)
    paths = {table: path.resolve() for table, path in files.items()}
    folder = pathlib.Path(
        os.path.commonpath([path.parent for path in paths.values()])
    )
    sources = {
        table: tabular.TableSource(
            # It is a pattern there.
            files=glob.escape(str(path.relative_to(folder))),
            columns=columns_of(table, mapping),
            event_types=dict(event_types) if table == "events" else {},
            **text_format,
        )
        for table, path in paths.items()
    }
    return tabular.convert(folder, target, sources)


def _refuse_unknown(
    files: Mapping[str, pathlib.Path], mapping: Mapping[str, str]
) -> None:
    allowed = {
        key
        for table in files
        for column in TABLES[table]
        for key in (column.name, f"{table}.{column.name}")
    }
    for key in mapping:
        if key not in allowed:
            names = sorted(name for name in allowed if "." not in name)
            raise click.BadParameter(
                f"{key!r} is no column of {', '.join(files)}; "
                f"allowed: {', '.join(names)}",
                param_hint="--map",
            )
