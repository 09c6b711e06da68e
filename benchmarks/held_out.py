"""Takes items out of training: their steps go, the catalogue keeps them.

What a shop sees on the day after an item was listed, made on purpose: of two
samples of items, one loses every training step and one all but a few.
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf

_LISTS = "history_"
_ID, _TIME = "history_item_ids", "history_timestamps"
_GZIP = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Which items lose their steps.

    Attributes:
      unseen: Ids that lose all of them.
      few_since: Ids that keep the last few, with the time of the first kept.
    """

    unseen: frozenset[bytes]
    few_since: dict[bytes, int]

    def keeps(self, item_id: bytes, timestamp: int) -> bool:
        """Says whether a training step stays."""
        if item_id in self.unseen:
            return False
        return timestamp >= self.few_since.get(item_id, timestamp)


def choose(
    sequence_train: list[str],
    *,
    share: float,
    most_events: int,
    seed: int,
) -> HeldOut:
    """Draws two samples of the items that training sees.

    Args:
      sequence_train: Files of the split, raw.
      share: Of the items, in each of the two.
      most_events: Steps that an item of the second sample keeps.
      seed: Of the draw.
    """
    times: dict[bytes, list[int]] = {}
    for record in _records(sequence_train):
        lists = record.features.feature
        for item_id, timestamp in zip(
            lists[_ID].bytes_list.value,
            lists[_TIME].int64_list.value,
            strict=True,
        ):
            times.setdefault(item_id, []).append(timestamp)
    ids = sorted(times)
    drawn = np.random.default_rng(seed).permutation(len(ids))
    number = round(share * len(ids))
    few = (ids[row] for row in drawn[number : 2 * number])
    return HeldOut(
        unseen=frozenset(ids[row] for row in drawn[:number]),
        few_since={i: sorted(times[i])[-most_events:][0] for i in few},
    )


def write_split(
    files: list[str], folder: pathlib.Path, held_out: HeldOut
) -> None:
    """Writes a split again without the steps that training may not see.

    Args:
      files: Of the split, raw or transformed.
      folder: Gets one file, as TFX names it.
      held_out: What goes.
    """
    with _writer(folder) as writer:
        for record in _records(files):
            _drop_steps(record.features.feature, held_out)
            writer.write(record.SerializeToString())


def copy_some(files: list[str], folder: pathlib.Path, count: int) -> None:
    """Writes the first examples of a split to a folder."""
    with _writer(folder) as writer:
        records = tf.data.TFRecordDataset(files, "GZIP").take(count)
        for record in records.as_numpy_iterator():
            writer.write(record)


def _drop_steps(features, held_out):
    ids = features[_ID].bytes_list.value
    times = features[_TIME].int64_list.value
    kept = [
        step
        for step, (item_id, time) in enumerate(zip(ids, times, strict=True))
        if held_out.keeps(item_id, time)
    ]
    if len(kept) == len(ids):
        return
    for name in [name for name in features if name.startswith(_LISTS)]:
        column = features[name]
        values = getattr(column, column.WhichOneof("kind")).value
        left = [values[step] for step in kept]
        del values[:]
        values.extend(left)


def _records(files):
    for record in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator():
        yield tf.train.Example.FromString(record)


def _writer(folder):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "data_tfrecord-00000-of-00001.gz"
    return tf.io.TFRecordWriter(str(path), _GZIP)
