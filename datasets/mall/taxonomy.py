"""The leaf categories: what is sold, by whom, at which price, in which words.

`leaves.csv` has one row a leaf, `brands.csv` the brands that several leaves
share (`@name` refers to one of its rows).
"""

import csv
import dataclasses
import functools
import importlib.resources
import itertools

from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError

# Below this many items a leaf, fewer leaves are stocked.
ITEMS_PER_LEAF = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaf:
    """One leaf category.

    Attributes:
      category: Path of three levels.
      weight: How much is sold, 1 (little) to 5.
      low: Lowest usual price, CNY.
      high: Highest usual price, CNY.
      season: Month in which most is sold, 0 for all year.
      repeat_days: Days after which a buyer buys it again, 0 for never.
      brands: The dearest first.
      names: What titles and queries call it.
      specs: Groups of options; a title has at most one of each group.
      sized: Which group goes from small and cheap to large and dear, -1 for
        none.
      follow_ups: Last levels of the leaves that are wanted next.
    """

    category: str
    weight: int
    low: float
    high: float
    season: int
    repeat_days: int
    brands: tuple[str, ...]
    names: tuple[str, ...]
    specs: tuple[tuple[str, ...], ...]
    sized: int
    follow_ups: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last level of the path."""
        return self.category.split(CATEGORY_SEPARATOR)[-1]

    @property
    def parent(self) -> str:
        """The path without its last level."""
        return self.category.rsplit(CATEGORY_SEPARATOR, 1)[0]

    @property
    def top(self) -> str:
        """The first level of the path."""
        return self.category.split(CATEGORY_SEPARATOR)[0]


def _rows(name):
    path = importlib.resources.files("datasets.mall") / name
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _leaf(row, pools):
    brands = row["brands"]
    if brands.startswith("@"):
        brands = pools[brands[1:]]
    groups = row["specs"].split(";")
    return Leaf(
        category=row["category"],
        weight=int(row["weight"]),
        low=float(row["low"]),
        high=float(row["high"]),
        season=int(row["season"] or 0),
        repeat_days=int(row["repeat_days"] or 0),
        brands=tuple(brands.split("|")),
        names=tuple(row["names"].split("|")),
        specs=tuple(tuple(g.lstrip("+").split("|")) for g in groups),
        sized=next((i for i, g in enumerate(groups) if g[0] == "+"), -1),
        follow_ups=tuple(row["follow_ups"].split("|")),
    )


@functools.cache
def load_leaves() -> tuple[Leaf, ...]:
    """Reads all leaves, in the order of the file.

    Raises:
      DataError: A row of `leaves.csv` names a brand pool that is not in
        `brands.csv`, a value is not a number, or leaves below one path do
        not stand together.
    """
    pools = {row["pool"]: row["brands"] for row in _rows("brands.csv")}
    leaves = []
    for number, row in enumerate(_rows("leaves.csv"), start=2):
        try:
            leaves.append(_leaf(row, pools))
        except (KeyError, ValueError) as error:
            raise DataError(
                f"leaves.csv line {number} ({row['category']}): {error}"
            ) from error
    parents = [leaf.parent for leaf in leaves]
    runs = [parent for parent, _ in itertools.groupby(parents)]
    for parent in sorted(set(runs)):
        if runs.count(parent) > 1:
            raise DataError(
                f"leaves.csv: the leaves of {parent} stand apart; "
                "allowed: one after the other"
            )
    return tuple(leaves)


def stocked_leaves(num_items: int) -> tuple[Leaf, ...]:
    """Returns the leaves that a mall of this size has, in file order.

    A small mall stocks only the leaves that sell most, so that each still
    has items to choose between.
    """
    leaves = load_leaves()
    count = min(len(leaves), num_items // ITEMS_PER_LEAF)
    by_weight = sorted(range(len(leaves)), key=lambda i: -leaves[i].weight)
    return tuple(leaves[i] for i in sorted(by_weight[:count]))
