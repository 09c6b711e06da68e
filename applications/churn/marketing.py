"""The table for a marketing team: who, how likely, why, worth how much."""

import datetime
import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from applications.churn.additive import Additive
from applications.churn.features import Table
from applications.churn.settings import DAY, ChurnSettings
from applications.churn.shapes import Shape
from models.local_time import LOCAL_OFFSET_SECONDS
from schema.errors import DataError

HIGH, MEDIUM, LOW = "高", "中", "低"
FORMATS = (".parquet", ".csv")
# Excel takes a CSV file for UTF-8 if it begins with this.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ZONE = datetime.timezone(datetime.timedelta(seconds=LOCAL_OFFSET_SECONDS))


def marketing_table(
    model: Additive,
    asked: Table,
    settings: ChurnSettings,
    *,
    as_of: int,
    num_drivers: int = 3,
) -> pa.Table:
    """Tells the risk of each user, the greatest first.

    Args:
      model: Trained.
      asked: Users at the as-of time.
      settings: The window and where bands of risk begin.
      as_of: Unix seconds.
      num_drivers: How many drivers of each user are told.

    Returns:
      `user_id`, `probability` of being lost, `risk` (高, 中, 低),
      `last_active` and `as_of` (local time), `days`, `value` (CNY spent
      before) and, for n from 1, `driver_n` in Chinese, what it is about the
      user, and `contribution_n`, what it adds to the logit; where that is
      below 0, it speaks for staying. Of all drivers the largest in size come
      first. `base` is the logit of somebody average: it and the
      contributions of all drivers sum to the user's logit.
    """
    drivers = model.drivers(asked)
    chances = drivers.chances
    order = np.lexsort((asked.users.astype(str), -chances))
    columns: dict[str, object] = {
        "user_id": asked.users[order],
        "probability": chances[order],
        "risk": _bands(chances[order], settings),
        "last_active": [_local(t) for t in asked.last_active[order]],
        "value": np.round(asked.value[order], 2),
    }
    top = np.argsort(-np.abs(drivers.contributions), 1, kind="stable")[order]
    tell = _words(drivers.names, model.shapes, asked, settings)
    for n in range(min(num_drivers, len(drivers.names))):
        columns[f"driver_{n + 1}"] = [
            tell(row, place)
            for row, place in zip(order, top[:, n], strict=True)
        ]
        columns[f"contribution_{n + 1}"] = drivers.contributions[
            order, top[:, n]
        ]
    columns["base"] = np.full(len(order), drivers.base)
    columns["as_of"] = [_local(as_of)] * len(order)
    columns["days"] = np.full(len(order), settings.days)
    return pa.table(columns)


def write_table(table: pa.Table, path: pathlib.Path) -> None:
    """Writes Parquet, or CSV that Excel opens, whole or not at all.

    Args:
      table: Of `marketing_table`.
      path: Ends in .parquet or .csv.

    Raises:
      DataError: It ends otherwise.
    """
    check_format(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as stream:
            if path.suffix == ".csv":
                stream.write(_BYTE_ORDER_MARK)
                pa.csv.write_csv(table, stream)
            else:
                pq.write_table(table, stream)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def check_format(path: pathlib.Path) -> None:
    """Checks that a table can be written to a file of this name.

    Raises:
      DataError: It ends in neither .parquet nor .csv.
    """
    if path.suffix not in FORMATS:
        raise DataError(
            f"{path} ends in {path.suffix!r}; allowed: {', '.join(FORMATS)}"
        )


def _bands(chances, settings):
    high, medium = (
        chances >= settings.high_risk,
        chances >= settings.medium_risk,
    )
    return np.where(high, HIGH, np.where(medium, MEDIUM, LOW)).tolist()


def _local(timestamp) -> str:
    moment = datetime.datetime.fromtimestamp(int(timestamp), _ZONE)
    return moment.strftime("%Y-%m-%d %H:%M")


def _words(names, shapes: list[Shape], asked: Table, settings):
    """Returns a function that tells driver `place` of the user in `row`."""
    by_driver = {
        shape.feature.driver or shape.feature.name: shape.feature
        for shape in reversed(shapes)
    }
    features = [by_driver[name] for name in names]
    days = settings.look_back / DAY

    def tell(row: int, place: int) -> str:
        feature = features[place]
        return feature.tell(asked.columns[feature.name][row], days)

    return tell
