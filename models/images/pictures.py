"""Encodes the pictures in a folder, which are named after items."""

import dataclasses
import pathlib
from collections.abc import Callable, Collection

import numpy as np
import tensorflow as tf

from models.images.encoder import ImageEncoder

ENDINGS = (".jpg", ".jpeg", ".png")


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What became of pictures.

    Attributes:
      vectors: Item id to float32 [features].
      unreadable: File to why it has no vector.
    """

    vectors: dict[str, np.ndarray]
    unreadable: dict[pathlib.Path, str]


def find(
    folder: pathlib.Path, item_ids: Collection[str]
) -> dict[str, pathlib.Path]:
    """Finds the pictures of items.

    Args:
      folder: With files `<item id>.jpg`, `.jpeg` or `.png`; others, and those
        in folders below, are left alone.
      item_ids: Whose pictures are wanted.

    Returns:
      Item id to file, of the items that have one; of several the first by
      name.
    """
    wanted = set(item_ids)
    found: dict[str, pathlib.Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in ENDINGS and path.stem in wanted:
            found.setdefault(path.stem, path)
    return found


def encode(
    encoder: ImageEncoder,
    pictures: dict[str, pathlib.Path],
    batch: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Encoded:
    """Encodes pictures, batch by batch; memory holds one of them.

    Args:
      encoder: What encodes.
      pictures: Item id to file.
      batch: Pictures that are encoded at once, at least 1.
      progress: Is told how many are done.
    """
    vectors: dict[str, np.ndarray] = {}
    unreadable: dict[pathlib.Path, str] = {}
    waiting: dict[str, np.ndarray] = {}
    for number, (item_id, path) in enumerate(pictures.items(), 1):
        try:
            waiting[item_id] = read(path, encoder.height, encoder.width)
        except (tf.errors.OpError, OSError) as error:
            unreadable[path] = str(error).strip().splitlines()[0][:200]
        if waiting and (len(waiting) == batch or number == len(pictures)):
            found = encoder(np.stack(list(waiting.values())))
            for row, made in zip(waiting, found, strict=True):
                if np.isfinite(made).all():
                    vectors[row] = made
                else:
                    unreadable[pictures[row]] = "its vector is not finite"
            waiting.clear()
        progress(number, len(pictures))
    return Encoded(vectors, unreadable)


def read(path: pathlib.Path, height: int, width: int) -> np.ndarray:
    """Reads a picture as float32 [height, width, 3], RGB from 0 to 1.

    Raises:
      OpError: It is no picture.
    """
    pixels = tf.io.decode_image(
        path.read_bytes(),
        channels=3,
        dtype=tf.float32,
        expand_animations=False,
    )
    resized = tf.image.resize(pixels, [height, width], antialias=True)
    return tf.clip_by_value(resized, 0.0, 1.0).numpy()
