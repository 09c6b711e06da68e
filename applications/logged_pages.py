"""Pages that a run's log shows after its split, as requests of the servable.

The behaviour examples of a run hold exactly what a request held when a page
was opened: the history as of then and nothing later. The model of the run has
learned from none of them.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval_evaluator.requests import choose, split_files
from schema.errors import DataError
from serving.requests import HISTORY_FIELDS, Request

CONTEXT = ("query", "scene", "city", "device", "gender", "age_band", "level")
_PAGE_KEYS = ("user_id", "session_id", "query", "scene")
_TARGET = "target_item_ids"
_LISTS = (*HISTORY_FIELDS, _TARGET)
_BATCH = 2048


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoggedPages:
    """Pages in the order of time, and what was shown on them.

    Attributes:
      requests: One a page.
      user_ids, session_ids: Text objects [pages].
      timestamps: int64 [pages], Unix seconds, ascending.
      page: int64 [impressions], ascending.
      item_ids: Text objects [impressions].
      positions: int64 [impressions], slots from 0, -1 unknown.
      clicked: bool [impressions], the label of the first head.
    """

    requests: tuple[Request, ...]
    user_ids: NDArray[np.object_]
    session_ids: NDArray[np.object_]
    timestamps: NDArray[np.int64]
    page: NDArray[np.int64]
    item_ids: NDArray[np.object_]
    positions: NDArray[np.int64]
    clicked: NDArray[np.bool_]

    def __len__(self):
        return len(self.requests)

    def only(self, chosen: NDArray[np.bool_]) -> "LoggedPages":
        """Returns the pages marked, bool [pages]."""
        kept = chosen[self.page]
        number = np.cumsum(chosen) - 1
        return LoggedPages(
            requests=tuple(self.requests[p] for p in np.flatnonzero(chosen)),
            user_ids=self.user_ids[chosen],
            session_ids=self.session_ids[chosen],
            timestamps=self.timestamps[chosen],
            page=number[self.page[kept]],
            item_ids=self.item_ids[kept],
            positions=self.positions[kept],
            clicked=self.clicked[kept],
        )


def read_pages(examples: str, head: str, split: str = "eval") -> LoggedPages:
    """Reads the pages of a split.

    What one user was shown in one second of a session, for one search in one
    scene, is a page.

    Args:
      examples: Folder of the run's behaviour examples, before Transform.
      head: Whose label says what was clicked.
      split: `eval` is what came after the split time.

    Raises:
      DataError: There is no such split, or the log has no impressions.
    """
    columns = _read(split_files(examples, split), head)
    if (columns["weight"] != 1).any():
        raise DataError(
            f"{examples}: the log has no impressions, so nobody knows what "
            "was shown on a page and passed over; needed: a log with events "
            "of type impression"
        )
    codes = [
        np.unique(columns[name], return_inverse=True)[1] for name in _PAGE_KEYS
    ]
    keys = np.stack([columns["timestamp"], *codes], axis=1)
    _, first, page = np.unique(
        keys, axis=0, return_index=True, return_inverse=True
    )
    page = page.reshape(-1)
    order = np.lexsort((columns["position"], page))
    column = {name: values[order] for name, values in columns.items()}
    return LoggedPages(
        requests=tuple(_requests(columns, first)),
        user_ids=_text(columns["user_id"][first]),
        session_ids=_text(columns["session_id"][first]),
        timestamps=columns["timestamp"][first],
        page=page[order],
        item_ids=_text(column["item_id"]),
        positions=column["position"],
        clicked=column["label"] > 0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Questions:
    """What came next after the split, held out from training.

    Attributes:
      requests: As of just before each choice.
      targets: Text objects [questions], the item that was chosen.
      user_ids, session_ids: Text objects [questions].
      timestamps: int64 [questions], Unix seconds.
    """

    requests: tuple[Request, ...]
    targets: NDArray[np.object_]
    user_ids: NDArray[np.object_]
    session_ids: NDArray[np.object_]
    timestamps: NDArray[np.int64]

    def __len__(self):
        return len(self.requests)


def read_questions(
    examples: str, head: str, at_most: int, seed: int
) -> Questions:
    """Draws questions of the run's own retrieval evaluation.

    Args:
      examples: Folder of the run's behaviour examples, before Transform.
      head: Any head of the run's.
      at_most: How many.
      seed: Of the draw.

    Raises:
      DataError: There is no such split.
    """
    files = split_files(examples, "sequence_eval")
    columns = _read(files, head)
    rows = choose(len(columns["timestamp"]), at_most, seed)
    return Questions(
        requests=tuple(_requests(columns, rows)),
        targets=_text([columns[_TARGET][row][0] for row in rows]),
        user_ids=_text(columns["user_id"][rows]),
        session_ids=_text(columns["session_id"][rows]),
        timestamps=columns["timestamp"][rows],
    )


def _read(files, head) -> dict[str, Any]:
    """Returns columns [examples]; lists as arrays of arrays."""
    spec: dict[str, Any] = {
        name: tf.io.FixedLenFeature([], tf.string, "")
        for name in ("user_id", "session_id", "item_id", *CONTEXT)
    }
    spec |= {
        "timestamp": tf.io.FixedLenFeature([], tf.int64),
        "position": tf.io.FixedLenFeature([], tf.int64, -1),
        "weight": tf.io.FixedLenFeature([], tf.float32, 1.0),
        f"label_{head}": tf.io.FixedLenFeature([], tf.float32),
    }
    spec |= {
        name: tf.io.RaggedFeature(
            tf.int64 if name.endswith("timestamps") else tf.string
        )
        for name in _LISTS
    }
    parts: dict[str, list] = {name: [] for name in spec}
    records = tf.data.TFRecordDataset(files, "GZIP").batch(_BATCH)
    try:
        for serialized in records:
            batch = tf.io.parse_example(serialized, spec)
            for name, values in batch.items():
                if name in _LISTS:
                    splits = values.row_splits.numpy()[1:-1]
                    parts[name] += np.split(values.values.numpy(), splits)
                else:
                    parts[name].append(values.numpy())
    except tf.errors.OpError as error:
        raise DataError(
            f"{files[0]} cannot be read: {error.message}"
        ) from error
    if not parts["timestamp"]:
        raise DataError(f"{files[0]} holds no examples")
    columns = {
        name: values if name in _LISTS else np.concatenate(values)
        for name, values in parts.items()
    }
    for name in _LISTS:
        lists = np.empty(len(columns["timestamp"]), object)
        lists[:] = columns[name]
        columns[name] = lists
    columns["label"] = columns.pop(f"label_{head}")
    return columns


def _requests(columns, rows) -> Iterator[Request]:
    for row in rows:
        given: dict[str, Any] = {
            name: columns[name][row].decode() for name in CONTEXT
        }
        for name in HISTORY_FIELDS:
            values = columns[name][row].tolist()
            given[name] = [
                value.decode() if isinstance(value, bytes) else value
                for value in values
            ]
        yield Request(timestamp=int(columns["timestamp"][row]), **given)


def _text(values):
    return np.array([value.decode() for value in values], object)
