"""Hashes of text that stay the same between processes and machines."""

import numpy as np
import pandas as pd
import pyarrow as pa

_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def hash_text(values: pa.Array) -> np.ndarray:
    """Hashes text: uint64 [rows]; each distinct value once.

    The keyed SipHash of `pandas.util.hash_array`, whose key is fixed.
    """
    coded = values.dictionary_encode()
    distinct = coded.dictionary.to_numpy(zero_copy_only=False).astype(object)
    if not len(distinct):
        return np.zeros(0, np.uint64)
    hashed = pd.util.hash_array(distinct, categorize=False)
    return hashed[np.asarray(coded.indices)]


def mix(*parts: np.ndarray | int) -> np.ndarray:
    """Mixes integers into one evenly spread uint64, element by element.

    The finaliser of splitmix64 (Steele et al. 2014) over the running sum.
    """
    state = np.zeros(1, np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            given = np.asarray(part).astype(np.uint64)
            state = state + given + _GOLDEN
            state = (state ^ (state >> np.uint64(30))) * _MIX_1
            state = (state ^ (state >> np.uint64(27))) * _MIX_2
            state = state ^ (state >> np.uint64(31))
    return state
