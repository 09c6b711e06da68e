"""What rules are told of items, out of the contract's tables."""

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from numpy.typing import NDArray

from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError
from serving.rules.settings import Selector

_TEXTS = {"categories": "category", "brands": "brand", "shops": "shop_id"}


class Shelf:
    """Items with all that a `Selector` may ask of them."""

    def __init__(self, items: pa.Table, scopes: dict[str, tuple[str, ...]]):
        """Takes the tables; of an item that comes twice the last row counts.

        Args:
          items: `item_id`, and what there is of `category`, `brand`,
            `shop_id` and `tags`.
          scopes: Item ids and category paths of each campaign.
        """
        ids = np.asarray(items["item_id"].to_pylist(), object)
        _, last = np.unique(ids[::-1].astype(str), return_index=True)
        rows = len(ids) - 1 - last
        self.item_ids: NDArray[np.object_] = ids[rows]
        self._scopes = scopes
        self._columns = {
            field: np.asarray(
                [value or "" for value in items[column].to_pylist()], object
            )[rows]
            for field, column in _TEXTS.items()
            if column in items.column_names
        }
        tags = (
            items["tags"].to_pylist()
            if "tags" in items.column_names
            else [()] * len(ids)
        )
        self._tags = [frozenset(tags[row] or ()) for row in rows]

    def fitting(self, selector: Selector) -> NDArray[np.bool_]:
        """Returns which items fit, bool [items].

        Raises:
          DataError: It names a campaign that is not in the table.
        """
        fits = np.ones(len(self.item_ids), bool)
        if selector.item_ids:
            fits &= self._are(selector.item_ids)
        if selector.categories:
            fits &= self._in(selector.categories)
        for field in ("brands", "shops"):
            wanted = frozenset(getattr(selector, field))
            if wanted:
                column = self._columns.get(field, [""] * len(fits))
                fits &= np.array([value in wanted for value in column], bool)
        if selector.tags:
            words = frozenset(selector.tags)
            fits &= np.array([bool(words & own) for own in self._tags], bool)
        if selector.campaigns:
            fits &= self._of_campaigns(selector.campaigns)
        return fits

    def _are(self, ids):
        wanted = frozenset(ids)
        return np.array([one in wanted for one in self.item_ids], bool)

    def _in(self, paths):
        inside = tuple(f"{path}{CATEGORY_SEPARATOR}" for path in paths)
        column = self._columns.get("categories", [""] * len(self.item_ids))
        return np.array(
            [f"{one}{CATEGORY_SEPARATOR}".startswith(inside) for one in column],
            bool,
        )

    def _of_campaigns(self, campaign_ids):
        scope: set[str] = set()
        for name in campaign_ids:
            if name not in self._scopes:
                raise DataError(
                    f"a rule names the campaign {name!r}, and there is none "
                    f"of that id among {len(self._scopes)}"
                )
            scope.update(self._scopes[name])
        return self._are(scope) | self._in(scope)


def read_shelf(data_dir: pathlib.Path) -> Shelf:
    """Reads the contract's tables `items` and, where there is, `campaigns`.

    Raises:
      DataError: There are no items, or a file cannot be read.
    """
    try:
        items = ds.dataset(data_dir / "items", format="parquet").to_table()
        scopes = {}
        if (data_dir / "campaigns").is_dir():
            table = ds.dataset(
                data_dir / "campaigns", format="parquet"
            ).to_table()
            names = table["campaign_id"].to_pylist()
            found = (
                table["scope"].to_pylist()
                if "scope" in table.column_names
                else [()] * len(names)
            )
            scopes = {
                name: tuple(scope or ())
                for name, scope in zip(names, found, strict=True)
            }
    except (pa.ArrowException, OSError, KeyError) as error:
        raise DataError(f"{data_dir} cannot be read: {error}") from error
    return Shelf(items, scopes)
