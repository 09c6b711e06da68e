"""Writes small contract tables and reads them as the shop's systems do."""

import pathlib

import pyarrow as pa

from applications.shop_log import ShopLog, read_shop_log
from components.behavior_log.settings import BehaviorLogSettings
from datasets.tables import write_table

DAY = 86_400
# Local midnight of Monday, 2025-11-03.
MONDAY = 1_762_099_200


def at(day: float) -> int:
    """Returns the second so many days after `MONDAY`."""
    return MONDAY + round(day * DAY)


def write(folder: pathlib.Path, **tables: list[dict]) -> pathlib.Path:
    """Writes tables of rows, each row by column."""
    for name, rows in tables.items():
        columns = dict.fromkeys(key for row in rows for key in row)
        table = pa.table(
            {key: [row.get(key) for row in rows] for key in columns}
        )
        write_table(table, name, folder)
    return folder


def read(folder: pathlib.Path, **settings) -> ShopLog:
    """Reads what `write` wrote."""
    return read_shop_log(folder, BehaviorLogSettings(**settings))
