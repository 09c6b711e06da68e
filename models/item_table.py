"""The catalogue inside the model: id → row → features and text vector.

Examples carry ids only; histories, candidates and the index all read items
from here. Columns are variables and not constants, which have a limit of
2 GB and are written into the graph.
"""

import contextlib

import numpy as np
import tensorflow as tf

from models.features import ITEM_FEATURES, tower_features

# The file of ids, one a line, beside a run and in a model's assets.
IDS_FILE = "item_ids.txt"
# The row of the feature table that holds images.
IMAGE = "image"


class ItemTable(tf.Module):
    """Rows 0 to N-1 of the catalogue, and row -1 for whatever is unknown.

    Args:
      columns: What `read_items` returns.
      text: float32 [N, text dimension]; zero rows for items without text.
      ids_path: File that the ids are written to, one a line; the exported
        model takes it along as an asset.
      scope: Of the strategy that trains, on whose devices the columns are
        then; strings stay on this machine.

    Attributes:
      text: float32 [N + 1, text dimension], row 0 for what is unknown; a
        variable, because fine-tuning the encoder changes it.
      image: float32 [N + 1, image dimension], zeros for items without; None
        where none has one, or images were not read.
    """

    def __init__(
        self,
        columns: dict[str, np.ndarray],
        text: np.ndarray,
        ids_path: str,
        scope: contextlib.AbstractContextManager | None = None,
    ):
        super().__init__(name="item_table")
        self.ids = columns["item_id"]
        self.num_items = len(self.ids)
        with open(ids_path, "wb") as file:
            file.writelines(item_id + b"\n" for item_id in self.ids)
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                ids_path,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            default_value=-1,
        )
        self._id_strings = open_ended(np.array(self.ids, object), "item_ids")
        self.listed_at = columns["listed_at"]
        with scope or contextlib.nullcontext():
            self._columns = {
                f.name: self._variable(columns[f.name], f.name)
                for f in tower_features(ITEM_FEATURES, "item")
            }
            self._listed = self._variable(self.listed_at, "listed_at")
            self.text = self._variable(text.astype(np.float32), "text")
            self.image: tf.Variable | None = None
            if IMAGE in columns and columns[IMAGE].any():
                self.image = self._variable(columns[IMAGE], IMAGE)
            self._choices = self._variable(
                np.zeros(self.num_items, np.float32), "choices"
            )

    @staticmethod
    def _variable(values, name):
        """Puts a row of zeros before the first, for what is unknown."""
        padded = np.concatenate([np.zeros_like(values[:1]), values])
        if padded.dtype == np.int64 and name != "listed_at":
            padded = padded.astype(np.int32)
        return open_ended(padded, name)

    @property
    def text_dimension(self) -> int:
        """Width of text vectors, 0 without text."""
        return self.text.shape[1]

    @property
    def image_dimension(self) -> int:
        """Width of images, 0 without them."""
        return 0 if self.image is None else self.image.shape[1]

    def set_choices(self, counts: np.ndarray) -> None:
        """Says how often training sees each id chosen, [N]."""
        self._choices.assign(np.concatenate([[0.0], counts]))

    def choices(self) -> tf.Tensor:
        """Returns float32 [N], how often training has seen items chosen."""
        return self._choices[1:]

    def lookup(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Returns int32 rows of any shape of ids; -1 where unknown."""
        return tf.cast(self._rows.lookup(item_ids), tf.int32)

    def item_ids(self) -> tf.Tensor:
        """Returns string [N], in row order."""
        return tf.identity(self._id_strings)

    def features(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns what the item tower reads of rows, -1 being unknown.

        Args:
          rows: int32 [...].

        Returns:
          `rows`, `trained`, `text` [..., text dimension] and each feature
          of the tower, [...], lists [..., MAX_TAGS].
        """
        found = {
            name: tf.gather(column, rows + 1)
            for name, column in self._columns.items()
        }
        found["rows"] = rows
        chosen = tf.gather(self._choices, rows + 1) > 0
        found["trained"] = tf.cast(chosen, tf.float32)
        found["text"] = tf.gather(self.text, rows + 1)
        return found

    def images(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns float32 [..., image dimension] of rows, if there are any."""
        return tf.gather(self.image, rows + 1)

    def listed(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns int64 [...], when rows were listed; 0 where unknown."""
        return tf.gather(self._listed, rows + 1)

    def put(self, rows: tf.Tensor, items: dict[str, tf.Tensor]) -> None:
        """Adds items behind the last row, or gives rows new features.

        Training has not seen what is added, and has seen the rest as before.

        Args:
          rows: int32 [M], each once; those behind the last without a gap.
          items: `item_id`, `listed_at` and each feature of the tower, [M],
            lists as `dense` makes them, `text` [M, text dimension], and where
            the table has images `image` [M, image dimension].
        """
        for name, column in self._columns.items():
            put_rows(column, rows + 1, items[name])
        put_rows(self._listed, rows + 1, items["listed_at"])
        put_rows(self.text, rows + 1, items["text"])
        if self.image is not None:
            put_rows(self.image, rows + 1, items[IMAGE])
        chosen = tf.concat([self._choices, tf.zeros([tf.size(rows)])], 0)
        put_rows(self._choices, rows + 1, tf.gather(chosen, rows + 1))
        put_rows(self._id_strings, rows, items["item_id"])


def open_ended(values: np.ndarray, name: str) -> tf.Variable:
    """Makes a variable [rows, ...] to which `put_rows` can add rows."""
    return tf.Variable(
        tf.constant(values.tolist(), tf.string)
        if values.dtype == object
        else values,
        trainable=False,
        shape=tf.TensorShape([None, *values.shape[1:]]),
        name=name,
    )


def put_rows(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    """Writes rows of an open-ended variable; others keep their bits.

    Args:
      variable: Made by `open_ended`, [N, ...].
      rows: int32 [M]; from N on they are added, without a gap.
      values: [M, ...].
    """
    missing = tf.maximum(tf.reduce_max(rows) + 1 - tf.shape(variable)[0], 0)
    empty = "" if variable.dtype == tf.string else tf.zeros([], variable.dtype)
    more = tf.fill(tf.concat([[missing], tf.shape(variable)[1:]], 0), empty)
    variable.assign(
        tf.tensor_scatter_nd_update(
            tf.concat([variable, more], 0),
            rows[:, None],
            tf.cast(values, variable.dtype),
        )
    )
