"""Rows of integers written out as the features of `schema/behavior.pbtxt`."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_log.funnel import Head
from components.behavior_log.rows import Rows
from components.behavior_log.steps import Steps, gather
from components.catalogue import tables
from schema.contract import EVENT_TYPES

# Examples that are held as text at once.
BATCH_ROWS = 8192
PROFILE = ("gender", "age_band", "level")


class ExampleWriter:
    """Writes out rows of one shard.

    Args:
      steps: Of the shard.
      profiles: As `preparation.join_profiles` aligned them with the users.
      items: large_string [items], ids of the catalogue.
      heads: The funnel.
    """

    def __init__(
        self,
        steps: Steps,
        profiles: pa.Table,
        items: pa.Array,
        heads: tuple[Head, ...],
    ):
        self._steps = steps
        self._heads = heads
        events = steps.events
        self._items = items.cast(pa.large_binary())
        self._types = pa.array(EVENT_TYPES).cast(pa.large_binary())
        self._queries = events.query.texts.cast(pa.large_binary())
        self._users = events.users.cast(pa.large_binary())
        self._profiles = {
            name: profiles[name].combine_chunks().cast(pa.large_binary())
            for name in (*PROFILE, "city")
        }

    def batches(self, rows: Rows) -> Iterator[pa.RecordBatch]:
        """Yields the features of rows, a list column each."""
        for start in range(0, len(rows), BATCH_ROWS):
            stop = min(start + BATCH_ROWS, len(rows))
            columns = self._columns(rows.take(np.arange(start, stop)))
            yield pa.RecordBatch.from_arrays(
                list(columns.values()), list(columns)
            )

    def _columns(self, rows):
        events = self._steps.events
        user = pa.array(events.user[rows.event])
        city = _texts(events.city, rows.event)
        home = self._profiles["city"].take(user)
        single = {
            "user_id": self._users.take(user),
            "session_id": _texts(events.session, rows.event),
            "timestamp": pa.array(rows.timestamp),
            "query": self._queries.take(pa.array(rows.query)),
            "scene": _texts(events.scene, rows.event),
            "city": pc.if_else(pc.equal(city, b""), home, city),
            "device": _texts(events.device, rows.event),
            "position": pa.array(rows.position),
            "item_id": _or_empty(self._items, rows.item),
            "weight": pa.array(rows.weight),
        }
        for name in PROFILE:
            single[name] = self._profiles[name].take(user)
        for column, head in enumerate(self._heads):
            single[f"label_{head.name}"] = pa.array(rows.labels[:, column])
        return {
            **{name: tables.as_lists(value) for name, value in single.items()},
            **self._histories(rows.history),
            "target_item_ids": self._targets(rows.target),
        }

    def _histories(self, history):
        steps = self._steps
        flat = gather(history.first, history.length)
        ends = np.cumsum(history.length)
        types = steps.final_type[flat]
        known = history.length > 0
        types[ends[known] - 1] = history.last_type[known]
        offsets = pa.array(np.append(0, ends))

        def listed(values):
            return pa.LargeListArray.from_arrays(offsets, values)

        return {
            "history_item_ids": listed(
                self._items.take(pa.array(steps.item[flat]))
            ),
            "history_event_types": listed(self._types.take(pa.array(types))),
            "history_queries": listed(
                self._queries.take(pa.array(steps.query[flat]))
            ),
            "history_timestamps": listed(pa.array(steps.timestamp[flat])),
        }

    def _targets(self, target):
        has = target >= 0
        offsets = pa.array(np.append(0, np.cumsum(has)))
        return pa.LargeListArray.from_arrays(
            offsets, self._items.take(pa.array(target[has]))
        )


def _texts(coded, rows):
    return coded.texts.take(pa.array(coded.codes[rows])).cast(pa.large_binary())


def _or_empty(texts, rows):
    found = texts.take(pa.array(rows, mask=rows < 0))
    return pc.fill_null(found, pa.scalar(b"", pa.large_binary()))
