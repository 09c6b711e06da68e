"""What changed of a run's items since, in the order in which it came."""

import dataclasses
import pathlib
import shutil
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from components.item_index.building import read_item_ids, write_item_ids
from schema.errors import DataError

# Sorts behind the files that the catalogue's node writes, so that of an id in
# both the changed row is the last one, which counts.
EXAMPLES_FILE = "data_tfrecord-changed.gz"
VECTORS_FILE = "vectors.npy"
IDS_FILE = "item_ids.txt"
REMOVED_FILE = "removed_ids.txt"
# Read one by one, each record would cost a call of TensorFlow.
_ROWS_AT_A_TIME = 4096
_GZIP = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


@dataclasses.dataclass(frozen=True)
class Changes:
    """Items that were put in, oldest first, and items that were taken out.

    Attributes:
      items: Id to serialised catalogue example and text vector float32 [d].
      removed: Ids, of the run or of `items`, that are shown no more. They keep
        their rows, so that histories still count.
    """

    items: dict[bytes, tuple[bytes, np.ndarray]]
    removed: frozenset[bytes] = frozenset()

    def plus(
        self,
        ids: Iterable[bytes],
        examples: Iterable[bytes],
        vectors: Iterable[np.ndarray],
    ) -> "Changes":
        """Puts items in; an id that is here keeps its place.

        Args:
          ids: Of the items; those that were removed are back.
          examples: Serialised catalogue examples.
          vectors: float32 [d] each.
        """
        pairs = zip(examples, vectors, strict=True)
        put = dict(zip(ids, pairs, strict=True))
        return Changes(self.items | put, self.removed - put.keys())

    def without(self, ids: Iterable[bytes]) -> "Changes":
        """Takes items out."""
        return Changes(self.items, self.removed.union(ids))

    def behind(self, item_ids: list[bytes]) -> list[bytes]:
        """Returns ids and, behind them, those of these items that are new."""
        there = set(item_ids)
        return [*item_ids, *(i for i in self.items if i not in there)]

    @property
    def examples(self) -> list[bytes]:
        """Serialised catalogue examples."""
        return [example for example, _ in self.items.values()]

    @property
    def vectors(self) -> np.ndarray:
        """Text vectors, float32 [items, d]; d is 0 without items."""
        if not self.items:
            return np.zeros((0, 0), np.float32)
        return np.stack([vector for _, vector in self.items.values()])

    @classmethod
    def read(cls, folder: pathlib.Path) -> "Changes":
        """Reads what `write` wrote.

        Raises:
          DataError: Something of it is gone or broken.
        """
        try:
            ids = read_item_ids(folder / IDS_FILE)
            removed = read_item_ids(folder / REMOVED_FILE)
            vectors = np.load(folder / VECTORS_FILE)
            batches = tf.data.TFRecordDataset(
                str(folder / EXAMPLES_FILE), "GZIP"
            ).batch(_ROWS_AT_A_TIME)
            examples = [row for batch in batches for row in batch.numpy()]
            return cls({}).plus(ids, examples, vectors).without(removed)
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise DataError(
                f"{folder}, what was changed of the items before, cannot be "
                f"read: {error}"
            ) from error

    def write(self, folder: pathlib.Path) -> None:
        """Writes ids, examples and vectors to a folder that is made."""
        folder.mkdir(parents=True)
        write_item_ids(folder / IDS_FILE, list(self.items))
        write_item_ids(folder / REMOVED_FILE, sorted(self.removed))
        np.save(folder / VECTORS_FILE, self.vectors)
        self.write_examples(folder)

    def write_examples(self, folder: pathlib.Path) -> None:
        """Writes the examples to a folder that is there."""
        path = str(folder / EXAMPLES_FILE)
        with tf.io.TFRecordWriter(path, _GZIP) as writer:
            for example in self.examples:
                writer.write(example)

    def write_catalogue(
        self, base_split: pathlib.Path, folder: pathlib.Path
    ) -> None:
        """Copies a catalogue's examples and puts these beside them.

        Args:
          base_split: Folder of the run's examples.
          folder: Is made.
        """
        shutil.copytree(base_split, folder)
        self.write_examples(folder)
