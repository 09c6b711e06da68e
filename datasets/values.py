"""Parses columns of text: what cannot be read becomes null, never an error.

The pipeline puts a row without a required value aside and counts it, so
parsing does not have to stop, and must not guess.
"""

from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Column: TypeAlias = pa.Array | pa.ChunkedArray

# Up to 18 digits always fit 64 bits. `266079.0` is how pandas writes an
# integer column that had gaps.
_INTEGER = r"^\s*(?P<whole>[+-]?\d{1,18})(?:\.\d*)?\s*$"
_REAL = r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*$"


def known(text: Column, *unknown: str) -> Column:
    """Returns the text without surrounding space, null where unknown.

    Args:
      text: string.
      *unknown: What the source writes for an unknown value, beside nothing.
    """
    text = pc.utf8_trim_whitespace(text)
    gone = pc.is_in(text, value_set=pa.array(["", *unknown], pa.string()))
    return pc.if_else(gone, pa.scalar(None, pa.string()), text)


def to_ids(text: Column, *unknown: str) -> Column:
    """Returns ids as text, `266079.0` as `266079`.

    >>> to_ids(pa.array(["266079.0", "-1", "u1.0", ""]), "-1").to_pylist()
    ['266079', None, 'u1.0', None]

    Args:
      text: string.
      *unknown: What the source writes for an unknown id, beside nothing.
    """
    plain = pc.replace_substring_regex(
        pc.utf8_trim_whitespace(text), r"^(-?\d+)\.0*$", r"\1"
    )
    return known(plain, *unknown)


def to_integers(text: Column) -> Column:
    """Returns int64, cut towards zero; null where it is not a number.

    >>> to_integers(pa.array(["7", "1.9", "x", "", "1" * 19])).to_pylist()
    [7, 1, None, None, None]
    """
    found = pc.extract_regex(text, _INTEGER)
    return pc.cast(
        pc.replace_substring(pc.struct_field(found, "whole"), "+", ""),
        pa.int64(),
    )


def to_floats(text: Column) -> Column:
    """Returns float64; null where it is not a number.

    >>> to_floats(pa.array(["199.0", "-1e2", "¥5", "nan"])).to_pylist()
    [199.0, -100.0, None, None]
    """
    good = pc.match_substring_regex(text, _REAL)
    text = pc.if_else(good, text, pa.scalar(None, pa.string()))
    text = pc.replace_substring(pc.utf8_trim_whitespace(text), "+", "")
    return pc.cast(text, pa.float64())


def to_seconds(text: Column, time_format: str, utc_offset_hours: float):
    """Returns Unix seconds, UTC; null where the text has another form.

    >>> to_seconds(
    ...     pa.array(["1970-01-01 08:00:05", "soon"]), "%Y-%m-%d %H:%M:%S", 8
    ... ).to_pylist()
    [5, None]

    Args:
      text: string, in local time.
      time_format: As `strptime` takes it.
      utc_offset_hours: Local time minus UTC; 8 in China.
    """
    # Arrow's own strptime takes 31 February for 2 March.
    local = pd.to_datetime(
        pc.utf8_trim_whitespace(text).to_pandas(),
        format=time_format,
        errors="coerce",
    )
    seconds = pa.array(local.to_numpy("datetime64[s]"))
    offset = pa.scalar(round(utc_offset_hours * 3600), pa.int64())
    return pc.subtract(pc.cast(seconds, pa.int64()), offset)


def recode(codes: Column, meanings: dict[str, str]) -> Column:
    """Returns the meaning of each code; an unknown code passes unchanged.

    >>> recode(pa.array(["pv", "zap", None]), {"pv": "click"}).to_pylist()
    ['click', 'zap', None]
    """
    row = pc.index_in(codes, value_set=pa.array(list(meanings), pa.string()))
    meant = pc.take(pa.array(list(meanings.values()), pa.string()), row)
    return pc.coalesce(meant, codes)


def join_known(separator: str, *parts: Column) -> Column:
    """Returns the known parts of each row, joined; `""` where none is known.

    >>> known = pa.array(["a", None, None]), pa.array(["b", "c", None])
    >>> join_known(" ", *known).to_pylist()
    ['a b', 'c', '']

    Args:
      separator: One character that is in no part.
      *parts: Strings.
    """
    # Arrow's null_handling="skip" loses rows in which every part is null.
    joined = pc.binary_join_element_wise(
        *parts, separator, null_handling="replace", null_replacement=""
    )
    repeated = "[" + separator + "]{2,}"
    joined = pc.replace_substring_regex(joined, repeated, separator)
    return pc.utf8_trim(joined, separator)


def split_known(text: Column, separator: str) -> Column:
    """Returns list<string>; null where there is no text.

    >>> split_known(pa.array(["a|b", ""]), "|").to_pylist()
    [['a', 'b'], None]
    """
    return pc.split_pattern(known(text), separator)


def count_unreadable(text: Column, parsed: Column) -> int:
    """Returns how many values were there and could not be read."""
    given = pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(text)), 0)
    lost = pc.and_(pc.fill_null(given, False), pc.is_null(parsed))
    return pc.sum(lost).as_py() or 0
