"""Puts image vectors into a table of items."""

import os
import pathlib
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.tables import arrow_schema
from schema.errors import DataError

COLUMN = "image_embedding"


def write_with_images(
    items: pa.Table, vectors: Mapping[str, np.ndarray], path: pathlib.Path
) -> None:
    """Writes items with their images as Parquet, whole or not at all.

    Args:
      items: The contract's table; what its column held is not kept.
      vectors: Item id to float32 [width], the same for all; others get null.
      path: The file; replaced if it is there.

    Raises:
      DataError: No item has a vector.
    """
    ids = items["item_id"].to_pylist()
    found = [vectors.get(item_id) for item_id in ids]
    if all(vector is None for vector in found):
        raise DataError(
            f"none of {len(ids)} items has an image; allowed: pictures that "
            "can be read, named after items"
        )
    schema = arrow_schema("items")
    column = pa.array(found, schema.field(COLUMN).type)
    place = items.column_names.index(COLUMN)
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        pq.write_table(
            items.set_column(place, COLUMN, column), fresh, compression="zstd"
        )
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
