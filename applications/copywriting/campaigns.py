"""Reads the campaigns of a run."""

import dataclasses
import pathlib

from schema.errors import DataError

_COLUMNS = (
    "campaign_id",
    "title",
    "description",
    "kind",
    "starts_at",
    "ends_at",
    "discount",
    "scope",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Campaign:
    """One row of the campaign table.

    Attributes:
      campaign_id: Its id.
      title: What shoppers read.
      description: May be empty.
      kind: `coupon`, `flash_sale`, `festival`, `other`; may be empty.
      starts_at: Unix seconds; 0 unknown.
      ends_at: Unix seconds, the first moment after it; 0 unknown.
      discount: Share off, 0 to 1; 0 unknown.
      item_ids: Items of its scope.
      categories: Category paths of its scope.
    """

    campaign_id: str
    title: str
    description: str = ""
    kind: str = ""
    starts_at: int = 0
    ends_at: int = 0
    discount: float = 0.0
    item_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def last_moment(self) -> int:
        """The last second of it; 0 unknown."""
        return max(self.ends_at - 1, 0)


def read_campaigns(
    data: pathlib.Path, item_ids: frozenset[str]
) -> dict[str, Campaign]:
    """Reads the contract table `campaigns`.

    Args:
      data: Folder of the tables.
      item_ids: All items; what else a scope names is a category.

    Returns:
      Campaigns by id, in the order of the table.

    Raises:
      DataError: There is no such table, or a column is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = data / "campaigns"
    if not any(folder.glob("*.parquet")):
        raise DataError(
            f"{folder} holds no campaigns (*.parquet); the data of this run "
            "has none"
        )
    try:
        table = pq.read_table(folder)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{folder} cannot be read: {error}") from error
    there = set(table.column_names)
    for name in ("campaign_id", "title"):
        if name not in there:
            raise DataError(f"{folder} has no column {name!r}")
    shown = table.select([name for name in _COLUMNS if name in there])
    found = {}
    for row in shown.to_pylist():
        scope = row.pop("scope", None) or ()
        known = {name: value for name, value in row.items() if value}
        found[row["campaign_id"]] = Campaign(
            **known,
            item_ids=tuple(s for s in scope if s in item_ids),
            categories=tuple(s for s in scope if s not in item_ids),
        )
    return found
