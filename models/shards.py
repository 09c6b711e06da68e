"""Whether files of examples are all there, and whole.

A reader of TFRecords takes the end of a file for the end of its examples, so
a file that was cut off between two records, or is missing, would train a model
on half the data without a word.
"""

import gzip
import re
import zlib
from collections.abc import Sequence

import tensorflow as tf

from schema.errors import DataError

# As Beam names the files of a set: `<prefix>-00001-of-00004`.
_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(\D.*)?")
_PIECE = 1 << 20
_MENDING = "run the node that wrote it again, without its cache"


def check_complete(files: Sequence[str]) -> None:
    """Checks that no file of a set is missing.

    Files that are not numbered are taken as they are.

    Args:
      files: Paths.

    Raises:
      DataError: Names the first that is not there.
    """
    sets: dict[tuple[str, str, str], set[int]] = {}
    for path in files:
        if found := _SHARD.fullmatch(path):
            prefix, number, total, ending = found.groups()
            key = (prefix, total, ending or "")
            sets.setdefault(key, set()).add(int(number))
    for (prefix, total, ending), numbers in sets.items():
        missing = sorted(set(range(int(total))) - numbers)
        if missing:
            raise DataError(
                f"{prefix}-{missing[0]:05}-of-{total}{ending} is missing, one "
                f"of {len(missing)} of {int(total)} files that are not there; "
                f"{_MENDING}"
            )


def check_whole(files: Sequence[str]) -> None:
    """Reads gzip files to their ends, and checks that these are theirs.

    Takes a pass over the data, without looking at what it says.

    Args:
      files: Paths, on any file system that TensorFlow knows.

    Raises:
      DataError: Names a file that was cut off, is damaged, or is empty.
    """
    for path in files:
        try:
            _read_through(path)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path} is damaged or was written by half "
                f"({type(error).__name__}: {error}); {_MENDING}"
            ) from error


def _read_through(path):
    with tf.io.gfile.GFile(path, "rb") as raw:
        if not raw.size():
            raise EOFError("it is empty")
        with gzip.GzipFile(fileobj=raw) as file:
            while file.read(_PIECE):
                pass
