"""Character n-grams of texts, hashed; no loop over texts."""

import dataclasses
import typing

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.hashing import mix

# Stands between texts; not a character.
_BORDER = np.uint32(0x110000)
_CHUNK = 20_000


@dataclasses.dataclass(frozen=True)
class Bags:
    """Bags of n-grams, a row a text, in the order of `starts`.

    Attributes:
      starts: int64 [rows + 1], where the entries of each row begin.
      buckets: int64 [entries], rising within a row, each once.
      counts: float32 [entries], how often it is in the text.
    """

    starts: NDArray[np.int64]
    buckets: NDArray[np.int64]
    counts: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> NDArray[np.int64]:
        """int64 [entries], the row of each entry."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def take(self, rows: NDArray[np.int64]) -> "Bags":
        """Returns the bags of some rows, in their order."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        entry = np.arange(starts[-1]) + np.repeat(
            self.starts[rows] - starts[:-1], lengths
        )
        return Bags(starts, self.buckets[entry], self.counts[entry])


def normalised(texts: pa.Array) -> pa.Array:
    """Folds width and case, and white space to single blanks.

    Args:
      texts: string; null counts as empty.

    >>> normalised(pa.array(["ＡＢＣ　 鼠标 ", None])).to_pylist()
    ['abc 鼠标', '']
    """
    folded = pc.utf8_normalize(
        pc.fill_null(texts.cast(pa.string()), ""), "NFKC"
    )
    spaced = pc.replace_substring_regex(pc.utf8_lower(folded), r"\s+", " ")
    return pc.utf8_trim_whitespace(spaced)


def bags(texts: pa.Array, longest: int, buckets: int) -> Bags:
    """Counts the n-grams of 1 to `longest` characters within words.

    White space counts as a character at the beginning and at the end of a
    word and never inside an n-gram.

    Args:
      texts: string, as `normalised` gives them.
      longest: Characters of the longest.
      buckets: They are hashed into these.
    """
    parts = [
        _bags(texts.slice(start, _CHUNK), longest, buckets)
        for start in range(0, len(texts), _CHUNK)
    ]
    if len(parts) == 1:
        return parts[0]
    lengths: typing.Any = [np.diff(part.starts) for part in parts]
    empty = np.zeros(0, np.int64)
    return Bags(
        np.concatenate([[0], np.cumsum(np.concatenate([empty, *lengths]))]),
        np.concatenate([empty, *(part.buckets for part in parts)]),
        np.concatenate(
            [empty.astype(np.float32), *(part.counts for part in parts)]
        ),
    )


def _bags(texts, longest, buckets):
    # A blank before every text and behind the last: a border of its words.
    joined = " ".join(["", *texts.to_pylist(), ""])
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), "<u4")
    codes = np.where(codes == ord(" "), _BORDER, codes)
    lengths = np.asarray(pc.utf8_length(texts), np.int64) + 1
    row = np.repeat(np.arange(len(texts)), lengths)
    row = np.append(row, max(len(texts) - 1, 0))
    inside = codes != _BORDER
    found = [np.zeros(0, np.int64)]
    hashed = np.zeros(len(codes), np.uint64)
    # Whether all between the first character and the last is inside a word.
    between = np.ones(len(codes), bool)
    for length in range(1, min(longest, len(codes)) + 1):
        end = len(codes) - length + 1
        first, last = inside[:end], inside[length - 1 :]
        if length > 2:
            between = between[:end] & inside[length - 2 :][:end]
        # Borders alone say nothing.
        whole = between[:end] & (first | last | (length > 2))
        hashed = mix(hashed[:end], codes[length - 1 :])
        bucket = mix(hashed[whole], length) % np.uint64(buckets)
        # The border before a text belongs to it, the one behind to the next.
        middle = (length - 1) // 2 if length > 2 else 0
        owner = row[middle:][:end]
        if length == 2:
            owner = np.where(first, owner, row[1:])
        found.append(owner[whole] * buckets + bucket.astype(np.int64))
    keys, counts = np.unique(np.concatenate(found), return_counts=True)
    starts = np.searchsorted(keys // buckets, np.arange(len(texts) + 1))
    return Bags(
        starts.astype(np.int64), keys % buckets, counts.astype(np.float32)
    )


@dataclasses.dataclass(frozen=True)
class Known:
    """The n-grams that some texts taught.

    Attributes:
      buckets: int64 [known], rising.
      weights: float32 [known], smoothed idf: rare n-grams count more.
    """

    buckets: NDArray[np.int64]
    weights: NDArray[np.float32]

    @classmethod
    def of(cls, given: Bags, fewest: int, most: int) -> "Known":
        """Keeps what `fewest` texts have, the `most` frequent at most."""
        buckets, seen = np.unique(given.buckets, return_counts=True)
        kept = seen >= fewest
        if kept.sum() > most:
            kept &= seen > np.sort(seen)[-most - 1]
        idf = 1 + np.log((1 + len(given)) / (1 + seen[kept]))
        return cls(buckets[kept], idf.astype(np.float32))

    def read(self, given: Bags) -> Bags:
        """Returns bags of rows of `buckets`, what is not known left out.

        Their counts are tf-idf, each text of norm 1 if it has any.
        """
        place = np.searchsorted(self.buckets, given.buckets)
        place[place == len(self.buckets)] = 0
        there = np.zeros(len(place), bool)
        if len(self.buckets):
            there = self.buckets[place] == given.buckets
        row, place = given.rows[there], place[there]
        values = (1 + np.log(given.counts[there])) * self.weights[place]
        squares = np.bincount(row, values**2, len(given))
        lengths = np.bincount(row, minlength=len(given))
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Bags(
            starts, place, (values / np.sqrt(squares)[row]).astype(np.float32)
        )
