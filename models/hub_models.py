"""Models of a hub: their handles, and their folders on this machine."""

import os
import pathlib
import re

from schema.errors import MissingDependencyError

HUB = "https://tfhub.dev/"
_SHORT_HANDLE = re.compile(r"[\w-]+/[\w.-]+/\d+")


def full_handle(handle: str) -> str:
    """Completes short hub handles; leaves folders and addresses alone.

    >>> full_handle("tensorflow/bert_zh_preprocess/3")
    'https://tfhub.dev/tensorflow/bert_zh_preprocess/3'
    >>> full_handle("models/bert")
    'models/bert'
    """
    if _SHORT_HANDLE.fullmatch(handle) and not os.path.isdir(handle):
        return HUB + handle
    return handle


def fetched(handle: str, otherwise: str = "") -> pathlib.Path:
    """Returns the folder of a hub's model, fetched if it is not in the cache.

    Args:
      handle: In full.
      otherwise: What can be done without the model.

    Raises:
      MissingDependencyError: The hub cannot be reached.
    """
    import tensorflow_hub

    try:
        return pathlib.Path(tensorflow_hub.resolve(handle))
    except Exception as error:
        # The hub library lets through whatever its transport raises.
        reason = str(error).splitlines()[0] if str(error) else "no answer"
        ways = [*filter(None, [otherwise]), "give a folder"]
        raise MissingDependencyError(
            f"{handle} cannot be fetched ({reason[:200]}); offline, "
            f"{', or '.join(ways)}, or put the model into TFHUB_CACHE_DIR"
        ) from error
