"""Near duplicates of a catalogue, in clusters with a representative.

Compared are items of one brand and items of one leaf, all with all; found are
pairs that read and mean nearly the same and do not differ in what tells
products apart: 500ml is no twin of 750ml however alike their titles are.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse import csgraph

from applications.understanding.attributes import DISTINGUISHING
from applications.understanding.brands import NAME as BRAND
from applications.understanding.settings import DuplicateSettings
from applications.understanding.spans import Found, fold
from models.understanding import ngrams

_LONGEST, _BUCKETS = 3, 1 << 20
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

# What an item's title says, by attribute.
Facts = Mapping[str, frozenset[str]]


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Items that are alike; no pair comes twice.

    Attributes:
      first: int64 [pairs], the smaller row.
      second: int64 [pairs].
      similarity: float32 [pairs], 0 to 1.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float32]

    def at_least(self, threshold: float) -> "Pairs":
        """Returns those that are that similar."""
        kept = self.similarity >= threshold
        return Pairs(self.first[kept], self.second[kept], self.similarity[kept])


def facts_of(title: str, brand: str, found: Sequence[Found]) -> Facts:
    """Gathers what tells an item from others of its kind.

    Args:
      title: Of the item.
      brand: "" where not known.
      found: What `Attributes.find` found in the title.
    """
    facts: dict[str, set[str]] = {
        "number": set(_NUMBER.findall(fold(title).text))
    }
    if brand:
        facts[BRAND] = {brand}
    for one in found:
        if one.name in DISTINGUISHING:
            facts.setdefault(one.name, set()).add(one.value)
    return {name: frozenset(values) for name, values in facts.items()}


def contradict(one: Facts, other: Facts) -> bool:
    """Whether two items say different things of one attribute.

    Saying less is no contradiction.

    >>> small, large = {"size": frozenset({"1m"})}, {"size": frozenset({"2m"})}
    >>> contradict(small, large), contradict(small, {})
    (True, False)
    """
    return any(
        not (values <= other[name] or values >= other[name])
        for name, values in one.items()
        if name in other
    )


def stripped(titles: pa.Array) -> pa.Array:
    """Leaves out what typography and sellers add: brackets, signs, blanks.

    >>> stripped(pa.array(["【包邮】Ａ４ 纸/白"])).to_pylist()
    ['a4纸白']
    """
    plain = pc.replace_substring_regex(
        ngrams.normalised(titles), r"【[^】]*】", ""
    )
    return pc.replace_substring_regex(plain, r"[\pP\pS\pZ]+", "")


def similar_pairs(
    titles: pa.Array,
    vectors: NDArray[np.float32],
    facts: Sequence[Facts],
    blocks: Sequence[Sequence[str]],
    settings: DuplicateSettings,
    *,
    least: float | None = None,
) -> Pairs:
    """Compares items block by block.

    Args:
      titles: string [items].
      vectors: float32 [items, d], of the text encoder, scaled; d may be 0.
      facts: Of each item.
      blocks: For each kind of block (brand, leaf) the block of each item, ""
        for none.
      settings: How they are compared.
      least: Similarity of a pair; the settings' threshold by default.
    """
    least = settings.threshold if least is None else least
    counted = ngrams.bags(stripped(titles), _LONGEST, _BUCKETS)
    known = ngrams.Known.of(counted, 1, _BUCKETS)
    read = known.read(counted)
    words = sp.csr_matrix(
        (read.counts, read.buckets, read.starts),
        shape=(len(titles), len(known.buckets)),
    )
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    meaning = vectors / np.maximum(norms, 1e-9)
    share = settings.ngram_share if vectors.shape[1] else 1.0
    found: list[tuple] = []
    for kind in blocks:
        for rows in _members(kind):
            for start in range(0, len(rows), settings.rows):
                part = rows[start : start + settings.rows]
                alike = share * (words[part] @ words[rows].T).toarray()
                if share < 1:
                    alike += (1 - share) * meaning[part] @ meaning[rows].T
                a, b = np.nonzero(alike >= least)
                first, second, value = part[a], rows[b], alike[a, b]
                ahead = first < second
                found.append((first[ahead], second[ahead], value[ahead]))
    return _without_contradictions(found, facts)


def _members(kind: Sequence[str]):
    """Yields the rows of each block of several items."""
    names, block = np.unique(np.array(kind, dtype=object), return_inverse=True)
    order = np.argsort(block, kind="stable")
    ends = np.cumsum(np.bincount(block, minlength=len(names)))
    for name, rows in zip(names, np.split(order, ends[:-1]), strict=True):
        if name and len(rows) > 1:
            yield rows


def _without_contradictions(found, facts) -> Pairs:
    empty = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    first, second, value = map(np.concatenate, zip(empty, *found, strict=True))
    size = int(second.max(initial=0)) + 1
    _, once = np.unique(first * size + second, return_index=True)
    kept = [
        row
        for row in once.tolist()
        if not contradict(facts[first[row]], facts[second[row]])
    ]
    return Pairs(
        first[kept].astype(np.int64),
        second[kept].astype(np.int64),
        value[kept].astype(np.float32),
    )


def representatives(pairs: Pairs, count: int) -> NDArray[np.int64]:
    """Joins pairs to clusters, each led by its first row.

    Args:
      pairs: What is alike.
      count: Items.

    Returns:
      int64 [items], the row that stands for each; its own where it has no
      twin before it.
    """
    links = sp.coo_matrix(
        (np.ones(len(pairs.first)), (pairs.first, pairs.second)),
        shape=(count, count),
    )
    _, cluster = csgraph.connected_components(links, directed=False)
    _, leader = np.unique(cluster, return_index=True)
    return leader[cluster].astype(np.int64)
