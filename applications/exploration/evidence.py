"""What the log knows of each item at a time: shown how often, chosen how often.

Counts are of impressions before the time, cleaned as the run's examples are
(no bots, no duplicates), and of the clicks that they led to.
"""

import dataclasses

import numpy as np
import pyarrow as pa
import tensorflow as tf
from numpy.typing import NDArray

from components.retrieval_evaluator.requests import split_files
from models.metrics import popularity
from schema.errors import DataError

_BATCH = 8192


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evidence:
    """Items, sorted by id, and what had become of them; arrays [items].

    Attributes:
      item_ids: Text.
      listed_at: int64, Unix seconds, 0 unknown.
      shown: int64, impressions.
      clicked: int64, impressions that led to a click.
      as_of: Unix seconds; all counts are of what came before.
    """

    item_ids: NDArray[np.str_]
    listed_at: NDArray[np.int64]
    shown: NDArray[np.int64]
    clicked: NDArray[np.int64]
    as_of: int

    @property
    def rate(self) -> float:
        """Share of all impressions that were clicked, what one expects."""
        return float(self.clicked.sum() / max(self.shown.sum(), 1))

    def rows(self, item_ids: NDArray) -> NDArray[np.int64]:
        """Returns rows of items, -1 for unknown ones."""
        asked = np.asarray(item_ids).astype(str)
        row = np.searchsorted(self.item_ids, asked)
        row = np.minimum(row, len(self.item_ids) - 1)
        return np.where(self.item_ids[row] == asked, row, -1)

    def new(self, few_choices: int) -> NDArray[np.bool_]:
        """Marks items that are listed later or were hardly chosen."""
        return (self.listed_at >= self.as_of) | (self.clicked < few_choices)

    def tail(self, few_choices: int) -> NDArray[np.bool_]:
        """Marks items that are neither new nor of the head."""
        head = popularity.of_the_head(self.clicked)
        return ~head & ~self.new(few_choices)

    def novelty(self) -> NDArray[np.float64]:
        """Returns 1 for what nobody chose, 0 for what was chosen most."""
        chosen = np.log1p(self.clicked)
        return 1 - chosen / max(chosen.max(initial=0), 1e-9)


def read_evidence(
    examples: str,
    items: pa.Table,
    head: str,
    as_of: int,
    splits: tuple[str, ...] = ("train", "eval"),
) -> Evidence:
    """Counts impressions and clicks before a time.

    A click that came after the time counts with its impression if that was
    before: labels are complete a day later, and nothing is asked in between.

    Args:
      examples: Folder of the run's behaviour examples, before Transform.
      items: As `shop_items.read_items` returns.
      head: Whose label says what was clicked.
      as_of: Unix seconds.
      splits: Of the examples; `train` came before the run's split time.

    Raises:
      DataError: There is no such split, or the log has no impressions.
    """
    ids, times, labels = _read(examples, head, splits)
    known = items["item_id"].to_numpy(zero_copy_only=False).astype(str)
    row = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    counts = (known[row] == ids) & (times < as_of)
    return Evidence(
        item_ids=known,
        listed_at=items["listed_at"].fill_null(0).to_numpy(),
        shown=np.bincount(row[counts], minlength=len(known)),
        clicked=np.bincount(
            row[counts], labels[counts], minlength=len(known)
        ).astype(np.int64),
        as_of=as_of,
    )


def latest_impression(examples: str, head: str, split: str) -> int:
    """Returns when the last impression of a split was, Unix seconds."""
    return int(_read(examples, head, (split,))[1].max())


def _read(examples, head, splits):
    """Returns ids, times and labels of the impressions."""
    spec = {
        "item_id": tf.io.FixedLenFeature([], tf.string),
        "timestamp": tf.io.FixedLenFeature([], tf.int64),
        "weight": tf.io.FixedLenFeature([], tf.float32, 1.0),
        f"label_{head}": tf.io.FixedLenFeature([], tf.float32),
    }
    parts: dict[str, list] = {name: [] for name in spec}
    for split in splits:
        files = split_files(examples, split)
        try:
            for records in tf.data.TFRecordDataset(files, "GZIP").batch(_BATCH):
                for name, values in tf.io.parse_example(records, spec).items():
                    parts[name].append(values.numpy())
        except tf.errors.OpError as error:
            raise DataError(
                f"{files[0]} cannot be read: {error.message}"
            ) from error
    columns = {name: np.concatenate(values) for name, values in parts.items()}
    if (columns["weight"] != 1).any():
        raise DataError(
            f"{examples}: the log has no impressions, so click rates are not "
            "known; needed: a log with events of type impression"
        )
    return (
        columns["item_id"].astype("S").astype(str),
        columns["timestamp"],
        columns[f"label_{head}"],
    )
