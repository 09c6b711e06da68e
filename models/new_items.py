"""Takes new items into a trained model by their content, without training.

The trained SavedModel holds what is needed: the transform graph of items, the
content half of the item tower, and per item a row in variables of open length.
Only the lookup from id to row is a file, which is written anew before the
model is loaded.
"""

import os
import pathlib
import typing
from collections.abc import Callable, Sequence

import tensorflow as tf

from models.catalogue_files import dense
from models.item_table import IDS_FILE, IMAGE, put_rows
from schema.errors import DataError

if typing.TYPE_CHECKING:
    from models.recommender import Recommender

_ASSETS = "assets"
Transform = Callable[[dict], dict]

# Functions of a trained model that this module calls.
_NEEDED = ("put_items", "encode_items", "text_vectors")


def put(
    model: "Recommender", raw: dict, transform: Transform, text: tf.Tensor
) -> None:
    """Adds items, or gives items new content.

    A new item stands on its content and on the vector that training learned
    for ids it does not know; an item that training saw keeps what
    interactions said of it, and changes by the difference of content.

    Args:
      model: Trained, with its items frozen.
      raw: Features of the catalogue, [M, 1] or sparse, as its schema has them;
        each id once, and known to the model's lookup.
      transform: The transform graph of items.
      text: float32 [M, text dimension], zeros for items without text.
    """
    table = model.items
    items = {**dense(transform(raw)), "text": text}
    if table.image_dimension:
        # As wide as the table's where none of these items has one too.
        missing = table.image_dimension - tf.shape(items[IMAGE])[1]
        items[IMAGE] = tf.pad(items[IMAGE], [[0, 0], [0, missing]])
        items[IMAGE].set_shape([None, table.image_dimension])
    rows = table.lookup(items["item_id"])
    known = rows < tf.shape(model.representations)[0] - 1
    # Row -1, of no item, stands in for the new ones.
    here = tf.where(known, rows, -1)
    before = model.frozen(here) - _content(model, model.item_features(here))
    unknown = tf.cast(model.item_tower.unknown, tf.float32)
    base = tf.where(known[:, None], before, unknown)
    content = _content(model, model.centred(items))
    put_rows(model.representations, rows + 1, base + content)
    table.put(rows, items)


def _content(model, features):
    return tf.cast(model.item_tower.content(features), tf.float32)


def copy_with_ids(
    model_dir: pathlib.Path, item_ids: Sequence[bytes], folder: pathlib.Path
) -> None:
    """Makes a copy of a trained model whose lookup knows more ids.

    The files are links to the model's, which must stay until it is saved.

    Args:
      model_dir: The trained SavedModel.
      item_ids: All ids: the model's in its order, then the new ones.
      folder: Is made.

    Raises:
      DataError: The ids do not begin with the model's.
    """
    for path in sorted(model_dir.resolve().rglob("*")):
        target = folder / path.relative_to(model_dir.resolve())
        if path.is_dir():
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.symlink(path, target)
    ids = folder / _ASSETS / IDS_FILE
    before = ids.read_bytes() if ids.exists() else b""
    after = b"".join(item_id + b"\n" for item_id in item_ids)
    if not before or not after.startswith(before):
        raise DataError(
            f"{model_dir} has other items than those that others are to be "
            "added to"
        )
    ids.unlink()
    ids.write_bytes(after)


def load(model_dir: pathlib.Path):
    """Loads a trained model that items can be added to.

    Raises:
      DataError: It was trained before that was possible.
    """
    model = tf.saved_model.load(str(model_dir))
    for name in _NEEDED:
        if not hasattr(model, name):
            raise DataError(
                f"the model {model_dir} cannot take items in: it has no "
                f"function {name}; train it again with this version"
            )
    return model
