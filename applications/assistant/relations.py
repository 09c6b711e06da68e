"""Which kinds of items go with which, from what customers did.

Pairs of categories that the same customers chose within some days count the
more, the less they would meet by chance; shrunk, so that a pair seen twice
says little. Kinds that lie near each other in the tree of categories get some
credit without any customer.
"""

import pathlib
import typing
from collections.abc import Iterable

import numpy as np

from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError

if typing.TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("history_item_ids", "history_event_types", "history_timestamps")
# What was chosen, and how much that says.
_WEIGHTS = {"click": 1.0, "favorite": 2.0, "cart": 2.0, "buy": 4.0}
_DAYS = 14
_DAY_SECONDS = 86_400
# Pairs that are thought to have been seen by chance beside the real ones.
_PRIOR = 4.0
# What one more shared level of the path is worth, beside a lift's logarithm.
_PER_LEVEL = 0.5


class Relations:
    """How well categories go together."""

    def __init__(self, categories: list[str], weights: np.ndarray):
        """Takes counts.

        Args:
          categories: N paths.
          weights: float [N, N]; row: what was chosen first, column: then.
        """
        self._categories = categories
        self._rows = {c: n for n, c in enumerate(categories)}
        total = max(weights.sum(), 1.0)
        first = weights.sum(1, keepdims=True) / total
        then = weights.sum(0, keepdims=True) / total
        chance = first * then * total
        self._lift = np.log((weights + _PRIOR) / (chance + _PRIOR))

    def beside(self, categories: Iterable[str], count: int) -> list[str]:
        """Returns the categories that go best with some, best first.

        Args:
          categories: What the customer has; never among the answers.
          count: How many.
        """
        has = [c for c in categories if c in self._rows]
        if not has:
            return []
        scores = self._lift[[self._rows[c] for c in has]].mean(0)
        near = [
            max(_shared_levels(c, other) for c in has)
            for other in self._categories
        ]
        scores = scores + _PER_LEVEL * np.array(near)
        order = np.argsort(-scores, kind="stable")
        return [
            self._categories[n] for n in order if self._categories[n] not in has
        ][:count]


def learn(histories: pathlib.Path, category_of: dict[str, str]) -> Relations:
    """Learns from the histories that a run left.

    Args:
      histories: `histories.parquet`.
      category_of: Category of each item that has one.

    Raises:
      DataError: The file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(histories, columns=list(_COLUMNS))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{histories} cannot be read: {error}") from error
    items, events, times = (table[name].combine_chunks() for name in _COLUMNS)
    return from_columns(items, events, times, category_of)


def from_columns(
    items: "pa.ListArray",
    events: "pa.ListArray",
    times: "pa.ListArray",
    category_of: dict[str, str],
) -> Relations:
    """Learns from list columns, one row a user, oldest step first.

    Args:
      items: list<string>.
      events: list<string>, as long.
      times: list<int64>, as long, Unix seconds.
      category_of: Category of each item that has one.

    Returns:
      Relations of all categories.
    """
    categories = sorted(set(category_of.values()))
    rows = {c: n for n, c in enumerate(categories)}
    number = {item: rows[c] for item, c in category_of.items()}
    flat = items.flatten().to_pylist()
    kind = np.array([number.get(item, -1) for item in flat], np.int64)
    weight = np.array(
        [_WEIGHTS.get(event, 0.0) for event in events.flatten().to_pylist()]
    )
    when = np.asarray(times.flatten().to_numpy(zero_copy_only=False))
    lengths = np.diff(items.offsets.to_numpy())
    user = np.repeat(np.arange(len(lengths)), lengths)
    counts = np.zeros((len(categories), len(categories)))
    # Step by step further apart, all users at once.
    for gap in range(1, int(lengths.max(initial=0))):
        first, then = slice(None, -gap), slice(gap, None)
        close = (
            (user[first] == user[then])
            & (when[then] - when[first] <= _DAYS * _DAY_SECONDS)
            & (kind[first] >= 0)
            & (kind[then] >= 0)
            & (kind[first] != kind[then])
        )
        if not (user[first] == user[then]).any():
            break
        value = np.sqrt(weight[first] * weight[then])[close] / gap
        np.add.at(counts, (kind[first][close], kind[then][close]), value)
    return Relations(categories, counts)


def _shared_levels(one: str, other: str) -> int:
    shared = 0
    for mine, theirs in zip(
        one.split(CATEGORY_SEPARATOR),
        other.split(CATEGORY_SEPARATOR),
        strict=False,
    ):
        if mine != theirs:
            break
        shared += 1
    return shared
