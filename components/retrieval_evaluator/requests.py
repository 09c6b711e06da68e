"""Reads raw behaviour examples as requests and as sequences of item rows.

The raw examples hold exactly what a serving request holds, so the model is
asked in the evaluation as it will be asked in production.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.cooccurrence.sequences import ItemSequences
from models.requests import HISTORY_NAMES, REQUEST, from_examples
from schema.errors import DataError

# What a request holds of a user and a moment, as text.
CONTEXT = tuple(
    feature.name
    for feature in REQUEST
    if not feature.is_list and feature.dtype == "string"
)
TARGET = "target_item_ids"
_BATCH = 1024

# string [n] → int32 [n]: row of the item in the catalogue, −1 where unknown.
Lookup = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class RequestBatch:
    """Some queries of the split `sequence_eval`.

    Attributes:
      request: What the trained model takes; docs/architecture.md names it.
      history_lengths: int64 [B], steps in `request`'s padded lists.
      target_item_ids: bytes objects [B], the one item that came.
      user_ids: bytes objects [B].
    """

    request: dict[str, tf.Tensor]
    history_lengths: NDArray[np.int64]
    target_item_ids: NDArray[np.object_]
    user_ids: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.user_ids)


def split_files(examples_uri: str, split: str) -> list[str]:
    """Lists the files of one split in order.

    Raises:
      DataError: There are none.
    """
    files = sorted(tf.io.gfile.glob(f"{examples_uri}/Split-{split}/*"))
    if not files:
        raise DataError(f"{examples_uri}: split {split!r} has no files")
    return files


def count_records(files: Sequence[str]) -> int:
    """Counts the examples in gzip TFRecord files."""
    dataset = tf.data.TFRecordDataset(files, "GZIP").batch(_BATCH)
    return sum(int(batch.shape[0]) for batch in dataset)


def choose(total: int, at_most: int, seed: int) -> NDArray[np.int64]:
    """Draws positions of examples without replacement, in ascending order."""
    if total <= at_most:
        return np.arange(total)
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(total, at_most, replace=False))


def read_requests(
    files: Sequence[str],
    *,
    max_history: int,
    batch_size: int,
    positions: NDArray[np.int64],
) -> Iterator[RequestBatch]:
    """Reads queries with their targets, in the order of the files.

    Args:
      files: Of the split `sequence_eval`.
      max_history: Steps kept of each history, the latest.
      batch_size: Queries in one batch.
      positions: int64, ascending: which examples are wanted.

    Raises:
      DataError: Lists of one history differ in length, or an example has not
        exactly one target.
    """
    wanted = np.zeros(int(positions.max(initial=-1)) + 1, bool)
    wanted[positions] = True
    marked = tf.constant(wanted)
    spec = {
        feature.name: tf.io.RaggedFeature(tf.as_dtype(feature.dtype))
        for feature in REQUEST
        if feature.is_list
    }
    spec[TARGET] = tf.io.RaggedFeature(tf.string)
    spec["user_id"] = tf.io.FixedLenFeature([], tf.string)

    def parse(records):
        parsed = tf.io.parse_example(records, spec)
        return parsed, from_examples(records, max_history)

    dataset = (
        tf.data.TFRecordDataset(files, "GZIP")
        .take(len(wanted))
        .enumerate()
        .filter(lambda position, _: marked[position])
        .map(lambda _, record: record)
        .batch(batch_size)
        .map(parse)
        .prefetch(1)
    )
    for parsed, request in dataset:
        lengths = _lengths(parsed, HISTORY_NAMES)
        targets = parsed[TARGET].row_lengths().numpy()
        if (targets != 1).any():
            user = parsed["user_id"].numpy()[np.flatnonzero(targets != 1)[0]]
            raise DataError(
                f"sequence_eval: {TARGET} of user {user.decode()!r} holds "
                f"{targets[targets != 1][0]} items; allowed: exactly 1"
            )
        yield RequestBatch(
            request=request,
            history_lengths=np.minimum(lengths, max_history),
            target_item_ids=parsed[TARGET].values.numpy(),
            user_ids=parsed["user_id"].numpy(),
        )


def read_sequences(
    files: Sequence[str], lookup: Lookup, positive_event_types: Sequence[str]
) -> ItemSequences:
    """Reads the training sequences as item rows.

    Args:
      files: Of the split `sequence_train`.
      lookup: Item id to row.
      positive_event_types: Types whose steps are to be predicted.

    Returns:
      All sequences; the row of an item that the model does not know is −1.

    Raises:
      DataError: Lists of one sequence differ in length.
    """
    names = ("history_item_ids", "history_event_types", "history_timestamps")
    spec = {name: tf.io.RaggedFeature(tf.string) for name in names[:2]}
    spec["history_timestamps"] = tf.io.RaggedFeature(tf.int64)
    dataset = (
        tf.data.TFRecordDataset(files, "GZIP")
        .batch(_BATCH)
        .map(lambda records: tf.io.parse_example(records, spec))
        .prefetch(1)
    )
    types = np.array([name.encode() for name in positive_event_types], object)
    rows, lengths, timestamps, positive = [], [], [], []
    for parsed in dataset:
        lengths.append(_lengths(parsed, names))
        rows.append(lookup(parsed["history_item_ids"].values).numpy())
        timestamps.append(parsed["history_timestamps"].values.numpy())
        positive.append(
            np.isin(parsed["history_event_types"].values.numpy(), types)
        )
    none = np.zeros(0, np.int64)
    all_rows = np.concatenate([none, *rows]).astype(np.int32)
    return ItemSequences(
        rows=all_rows,
        offsets=np.concatenate(
            [[0], np.cumsum(np.concatenate([none, *lengths]))]
        ),
        timestamps=np.concatenate([none, *timestamps]),
        positive=np.concatenate([none, *positive]).astype(bool),
    )


def _lengths(parsed, names):
    """Returns int64 [B], the one length of each example's lists."""
    first = parsed[names[0]].row_lengths().numpy()
    for name in names[1:]:
        other = parsed[name].row_lengths().numpy()
        if (first != other).any():
            at = int(np.flatnonzero(first != other)[0])
            raise DataError(
                f"{name} has {other[at]} steps where {names[0]} has "
                f"{first[at]}; allowed: lists of one length"
            )
    return first
