"""Columns of decoded Examples as flat arrays, whatever type they came in.

CSV ingestion guesses types: an id of digits only arrives as an integer, a
column with one bad cell as text. Nothing is lost here by that; what cannot be
read is marked, and the rules of the table say what becomes of the row.
"""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NUMBER = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
# Beyond it, a float64 skips integers.
_EXACT = 2.0**53


@dataclasses.dataclass(frozen=True)
class Text:
    """A column of text.

    Attributes:
      values: large_string [rows], `""` where absent.
      bad: bool [rows], not UTF-8; there, undecodable bytes read `�`.
    """

    values: pa.Array
    bad: np.ndarray


@dataclasses.dataclass(frozen=True)
class Words:
    """A column of sets of words.

    Attributes:
      values: large_list<large_string> [rows]; each word of a row once, in
        the order of first sight, trimmed, none of them empty.
      bad: bool [rows], the row has a word that is not UTF-8.
    """

    values: pa.Array
    bad: np.ndarray


@dataclasses.dataclass(frozen=True)
class Vectors:
    """A column of vectors.

    Attributes:
      values: large_list<float> [rows], empty where there is none.
      bad: bool [rows], not all of the values are finite numbers.
    """

    values: pa.Array
    bad: np.ndarray


@dataclasses.dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
      values: int64 or float64 [rows], 0 where absent or bad.
      present: bool [rows], the row has a readable value.
      bad: bool [rows], the row has a value that is no such number.
    """

    values: np.ndarray
    present: np.ndarray
    bad: np.ndarray


def first_values(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Returns each row's first value of a column, null where it has none."""
    index = batch.schema.get_field_index(name)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return pa.nulls(batch.num_rows)
    column = batch.column(index)
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    starts = np.asarray(column.offsets)[:-1]
    empty = np.asarray(lengths) == 0
    return column.values.take(pa.array(starts, mask=empty))


def read_text(batch: pa.RecordBatch, name: str) -> Text:
    """Reads a column as text; numbers become their decimal form."""
    return _text(first_values(batch, name))


def read_words(batch: pa.RecordBatch, name: str) -> Words:
    """Reads all values of a column as text, as `read_text` does the first."""
    values, row = _all_values(batch, name)
    text = _text(values)
    bad = np.zeros(batch.num_rows, bool)
    bad[row[text.bad]] = True
    words = pc.utf8_trim_whitespace(text.values)
    there = np.flatnonzero(np.asarray(pc.not_equal(words, "")))
    coded = words.take(pa.array(there)).dictionary_encode()
    # One number for a row and a word; of equal ones the first stays.
    pairs = row[there] * max(len(coded.dictionary), 1) + np.asarray(
        coded.indices
    )
    kept = there[np.sort(np.unique(pairs, return_index=True)[1])]
    counts = np.bincount(row[kept], minlength=batch.num_rows)
    lists = pa.LargeListArray.from_arrays(
        pa.array(np.append(0, np.cumsum(counts))), words.take(pa.array(kept))
    )
    return Words(lists, bad)


def read_vectors(batch: pa.RecordBatch, name: str) -> Vectors:
    """Reads all values of a column as float32, in their order."""
    values, row = _all_values(batch, name)
    numbers = _floats(values)
    # Where a number is too large for 32 bits, it is infinite from here on.
    with np.errstate(over="ignore"):
        floats = numbers.values.astype(np.float32)
    bad = np.zeros(batch.num_rows, bool)
    bad[row[~numbers.present | ~np.isfinite(floats)]] = True
    counts = np.bincount(row, minlength=batch.num_rows)
    lists = pa.LargeListArray.from_arrays(
        pa.array(np.append(0, np.cumsum(counts))), pa.array(floats)
    )
    return Vectors(lists, bad)


def read_integers(batch: pa.RecordBatch, name: str) -> Numbers:
    """Reads a column as int64; a fraction or text that is no number is bad."""
    values = first_values(batch, name)
    if pa.types.is_integer(values.type):
        present = np.asarray(values.is_valid())
        whole = np.asarray(pc.fill_null(values, 0), np.int64)
        return Numbers(whole, present, np.zeros(len(values), bool))
    numbers = _floats(values)
    with np.errstate(invalid="ignore"):
        whole = (np.floor(numbers.values) == numbers.values) & (
            np.abs(numbers.values) < _EXACT
        )
    present = numbers.present & whole
    return Numbers(
        np.where(present, numbers.values, 0).astype(np.int64),
        present,
        numbers.bad | (numbers.present & ~whole),
    )


def read_floats(batch: pa.RecordBatch, name: str) -> Numbers:
    """Reads a column as float64; infinities and NaN are present values."""
    return _floats(first_values(batch, name))


def _all_values(batch, name):
    """Returns the values of all rows, and the row of each, int64."""
    index = batch.schema.get_field_index(name)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return pa.nulls(0), np.zeros(0, np.int64)
    column = batch.column(index)
    return column.flatten(), np.asarray(
        pc.list_parent_indices(column), np.int64
    )


def _text(values):
    none = np.zeros(len(values), bool)
    if pa.types.is_null(values.type):
        return Text(pa.array([""] * len(values), pa.large_string()), none)
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        try:
            values = values.cast(pa.large_string())
            bad = none
        except pa.ArrowInvalid:
            values, bad = _decode(values)
    else:
        values, bad = values.cast(pa.large_string()), none
    return Text(pc.fill_null(values, ""), bad)


def _floats(values):
    none = np.zeros(len(values), bool)
    if pa.types.is_null(values.type):
        return Numbers(np.zeros(len(values)), none, none)
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        text = _decode(values)[0]
        filled = pc.utf8_trim_whitespace(pc.fill_null(text, ""))
        readable = pc.match_substring_regex(filled, _NUMBER)
        numbers = pc.if_else(readable, filled, "0").cast(pa.float64())
        present = np.asarray(readable)
        bad = ~present & np.asarray(pc.not_equal(filled, ""))
        return Numbers(np.asarray(numbers), present, bad)
    present = np.asarray(values.is_valid())
    numbers = np.asarray(pc.fill_null(values.cast(pa.float64()), 0.0))
    return Numbers(numbers, present, none)


def _decode(values):
    """Decodes each distinct value by itself: the slow way, for bad bytes."""
    coded = values.dictionary_encode()
    texts, bad = [], []
    for raw in coded.dictionary.to_pylist():
        text = raw.decode("utf-8", "replace")
        texts.append(text)
        bad.append(text.encode("utf-8") != raw)
    dictionary = pa.array(texts, pa.large_string())
    decoded = dictionary.take(coded.indices)
    is_bad = pa.array(bad, pa.bool_()).take(coded.indices)
    return decoded, np.asarray(pc.fill_null(is_bad, False))
