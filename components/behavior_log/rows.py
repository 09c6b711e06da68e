"""Examples before they are written out: rows of integers into a shard."""

import dataclasses
import typing

import numpy as np

from components.behavior_log.steps import AsOf


@dataclasses.dataclass(frozen=True)
class Rows:
    """What every split's examples consist of.

    Attributes:
      event: int64 [rows], the event whose user, session and context it has.
      timestamp: int64 [rows], as of when.
      query: int64 [rows], code of the search text.
      position: int64 [rows], -1 unknown.
      history: The steps before.
      item: int64 [rows], row of the candidate in the catalogue, -1 for none.
      labels: float32 [rows, heads].
      weight: float32 [rows].
      target: int64 [rows], row of the item that came next, -1 for none.
    """

    event: np.ndarray
    timestamp: np.ndarray
    query: np.ndarray
    position: np.ndarray
    history: AsOf
    item: np.ndarray
    labels: np.ndarray
    weight: np.ndarray
    target: np.ndarray

    @classmethod
    def sequences(
        cls,
        *,
        event: np.ndarray,
        timestamp: np.ndarray,
        query: np.ndarray,
        history: AsOf,
        num_heads: int,
        target: np.ndarray | None = None,
    ) -> "Rows":
        """Makes rows without a candidate."""
        none = np.full(len(event), -1, np.int64)
        return cls(
            event=event,
            timestamp=timestamp,
            query=query,
            position=none,
            history=history,
            item=none,
            labels=np.zeros((len(event), num_heads), np.float32),
            weight=np.ones(len(event), np.float32),
            target=none if target is None else target,
        )

    def __len__(self):
        return len(self.event)

    def take(self, rows: np.ndarray) -> "Rows":
        """Returns some rows, in the order given."""
        taken: dict[str, typing.Any] = {
            field.name: value.take(rows)
            if isinstance(value := getattr(self, field.name), AsOf)
            else value[rows]
            for field in dataclasses.fields(self)
        }
        return Rows(**taken)
