"""Gathers the items of a log, for sources without a catalogue of their own."""

import pyarrow as pa
import pyarrow.compute as pc


class SeenItems:
    """Distinct items of a stream of events, with what is said about them.

    Memory holds one row an item and a batch of events.

    Attributes:
      columns: What is kept of each item; its first known value counts.
    """

    def __init__(self, *columns: str):
        self.columns = columns
        self._seen: pa.Table | None = None

    def add(self, events: pa.Table) -> None:
        """Takes in a batch with `item_id` and the columns, all strings."""
        batch = events.select(["item_id", *self.columns])
        batch = batch.filter(pc.is_valid(batch["item_id"]))
        if self._seen is not None:
            batch = pa.concat_tables([self._seen, batch])
        # `first` is defined, and rows keep their order, on one thread only.
        first = batch.group_by("item_id", use_threads=False).aggregate(
            [(column, "first") for column in self.columns]
        )
        self._seen = first.rename_columns(
            {f"{column}_first": column for column in self.columns}
        ).select(["item_id", *self.columns])

    def table(self, known: pa.Array | None = None) -> pa.Table:
        """Returns the items in the order in which they were first seen.

        Args:
          known: Ids to leave out: the items that a catalogue describes.
        """
        seen = self._seen
        if seen is None:
            names = ["item_id", *self.columns]
            return pa.table({n: pa.array([], pa.string()) for n in names})
        if known is None:
            return seen
        described = pc.is_in(seen["item_id"], value_set=known)
        return seen.filter(pc.invert(described)).combine_chunks()
