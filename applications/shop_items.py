"""The items of a shop, as the data contract's table has them."""

import pathlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from schema.errors import DataError

ITEM_COLUMNS = ("item_id", "title", "category", "price", "listed_at")


def read_items(data_dir: pathlib.Path) -> pa.Table:
    """Reads the contract's items, of duplicates the last.

    Args:
      data_dir: Folder of a run's tables.

    Returns:
      `ITEM_COLUMNS` and `in_stock`, sorted by `item_id`.

    Raises:
      DataError: There is no such table.
    """
    try:
        table = ds.dataset(data_dir / "items", format="parquet").to_table(
            columns=[*ITEM_COLUMNS, "in_stock"]
        )
    except (pa.ArrowException, OSError, FileNotFoundError) as error:
        raise DataError(f"{data_dir}/items cannot be read: {error}") from error
    ids = table["item_id"].to_numpy(zero_copy_only=False).astype("U")
    last = len(ids) - 1 - np.unique(ids[::-1], return_index=True)[1]
    return table.take(pa.array(last))


def rows_of(items: pa.Table, item_ids: Sequence[str]) -> NDArray[np.int64]:
    """Returns rows of the table `read_items`, -1 for unknown items."""
    found = pc.index_in(
        pa.array(item_ids, pa.string()), items["item_id"].combine_chunks()
    )
    return found.fill_null(-1).to_numpy().astype(np.int64)
