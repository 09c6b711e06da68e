"""Examples of the catalogue, beside what is read of them.

An item that nothing is filled in for is written as the bytes that were read.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from components.catalogue.cleaning import INFERRED
from components.catalogue.text import compose_text
from models.hashing import hash_text

_GZIP = "GZIP"
_BATCH = 4096
_WORDS = ("item_id", "title", "description", "category")


def read(path: str) -> Iterator[tuple[list[bytes], pa.Table]]:
    """Reads a file of the catalogue's examples, in its order.

    Yields:
      Serialised examples, and their `item_id`, `title`, `description` and
      `category`, string each.
    """
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in _WORDS}
    for batch in tf.data.TFRecordDataset(path, _GZIP).batch(_BATCH):
        parsed = tf.io.parse_example(batch, spec)
        yield (
            batch.numpy().tolist(),
            pa.table(
                {
                    name: pa.array(parsed[name].numpy(), pa.binary()).cast(
                        pa.string()
                    )
                    for name in _WORDS
                }
            ),
        )


def lacks_category(items: pa.Table) -> np.ndarray:
    """Returns bool [items], whether nobody has said what they are."""
    said = pc.utf8_trim_whitespace(items["category"])
    return np.asarray(pc.equal(said, ""))


def few(items: list[pa.Table], most: int) -> pa.Table:
    """Returns some of the items, always the same, in the order of a hash."""
    table = pa.concat_tables(items)
    hashed = hash_text(table["item_id"].combine_chunks())
    return table.take(pa.array(np.argsort(hashed, kind="stable")[:most]))


def filled(record: bytes, category: str, max_text_characters: int) -> bytes:
    """Puts a category into an example, with the mark that it is inferred.

    The text that encoders read gets the leaf, as that of other items has it.

    Args:
      record: Serialised example.
      category: Path.
      max_text_characters: Where the text is cut.
    """
    example = tf.train.Example.FromString(record)
    features = example.features.feature

    def word(name):
        return features[name].bytes_list.value[0].decode()

    text = compose_text(
        word("title"), word("brand"), category, max_text_characters
    )
    for name, value in (("category", category), ("text", text)):
        features[name].bytes_list.value[:] = [value.encode()]
    features[INFERRED].int64_list.value[:] = [1]
    return example.SerializeToString(deterministic=True)


class Writer:
    """Writes a file of examples; it appears whole or not at all."""

    def __init__(self, path: str):
        """Opens a file beside the one that is to appear."""
        tf.io.gfile.makedirs(path.rpartition("/")[0])
        self._path, self._partial = path, f"{path}.partial"
        options = tf.io.TFRecordOptions(
            compression_type=_GZIP, compression_level=1
        )
        self._file = tf.io.TFRecordWriter(self._partial, options)

    def __enter__(self) -> "Writer":
        return self

    def write(self, records: list[bytes]) -> None:
        """Adds serialised examples."""
        for record in records:
            self._file.write(record)

    def __exit__(self, kind, error, trace) -> None:
        self._file.close()
        if kind is None:
            tf.io.gfile.rename(self._partial, self._path, overwrite=True)
        else:
            tf.io.gfile.remove(self._partial)
