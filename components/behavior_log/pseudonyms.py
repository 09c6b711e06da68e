"""Ids that nobody can read back without the key."""

import hashlib
import hmac
import os

import numpy as np
import pyarrow as pa

from schema.settings import SettingsError


def read_key(variable: str) -> bytes:
    """Reads the key where the pipeline is started; workers get it handed.

    The settings hold only the variable's name, as they are recorded.

    Returns:
      The key, empty where no variable is named.

    Raises:
      SettingsError: The variable is not set or shorter than 16 bytes.
    """
    if not variable:
        return b""
    key = os.environ.get(variable, "").encode("utf-8")
    if len(key) < 16:
        raise SettingsError(
            f"pseudonym_key_variable is {variable!r}, which holds {len(key)} "
            "bytes; allowed: an environment variable with at least 16"
        )
    return key


def pseudonymise(values: pa.Array, key: bytes) -> pa.Array:
    """Replaces texts by 32 hexadecimal digits of their HMAC-SHA256.

    Args:
      values: large_string [rows]; `""` stays `""`.
      key: Secret; empty changes nothing.
    """
    if not key or not len(values):
        return values
    coded = values.dictionary_encode()
    hashed = [
        hmac.new(key, text.encode("utf-8"), hashlib.sha256).hexdigest()[:32]
        if text
        else ""
        for text in coded.dictionary.to_pylist()
    ]
    dictionary = pa.array(hashed, pa.large_string())
    return dictionary.take(pa.array(np.asarray(coded.indices)))
