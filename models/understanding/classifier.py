"""Leaf categories from titles and descriptions: learning and telling."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models.understanding import network, ngrams
from models.understanding.settings import ClassifierSettings
from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError


@dataclasses.dataclass(frozen=True)
class Scaling:
    """What vectors are brought to one scale by.

    Attributes:
      mean: float32 [d].
      spread: float32 [d], above 0.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> "Scaling":
        """Measures vectors [n, d], so that what is scaled is about norm 1."""
        spread = vectors.std(0) * max(vectors.shape[1], 1) ** 0.5
        return cls(vectors.mean(0), np.maximum(spread, 1e-6))

    def __call__(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns scaled vectors; all zeros, for no text, stay zeros."""
        there = vectors.any(1, keepdims=True)
        return np.where(there, (vectors - self.mean) / self.spread, 0).astype(
            np.float32
        )


@dataclasses.dataclass(frozen=True)
class Leaves:
    """The likeliest leaves of items, best first.

    Attributes:
      categories: Paths, [items][k].
      chances: float32 [items, k], calibrated.
    """

    categories: list[list[str]]
    chances: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class LeafClassifier:
    """A trained classifier.

    Attributes:
      settings: How it was trained.
      categories: Paths of the leaves, in the order of the classes.
      known: The n-grams that it learned.
      scaling: Of text vectors.
      strengths: What the heads' logits are multiplied by.
      network: The heads.
    """

    settings: ClassifierSettings
    categories: tuple[str, ...]
    known: ngrams.Known
    scaling: Scaling
    strengths: tuple[float, float]
    network: network.LeafNetwork

    def logits(
        self,
        titles: pa.Array,
        descriptions: pa.Array,
        vectors: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Returns calibrated logits, float32 [items, leaves].

        Args:
          titles: string.
          descriptions: string; null where there is none.
          vectors: float32 [items, d], of the titles; as wide as when it was
            trained.
        """
        texts = _texts(
            titles, descriptions, self.scaling(vectors), self.settings
        )
        words, meaning = network.score(self.network, _read(texts, self.known))
        return self.strengths[0] * words + self.strengths[1] * meaning

    def reads(
        self, titles: pa.Array, descriptions: pa.Array
    ) -> NDArray[np.bool_]:
        """Returns bool [items], whether any n-gram of theirs was learned.

        Args:
          titles: string.
          descriptions: string; null where there is none.
        """
        nothing = np.zeros((len(titles), 0), np.float32)
        texts = _texts(titles, descriptions, nothing, self.settings)
        return np.diff(self.known.read(texts.whole).starts) > 0

    def best(self, logits: NDArray[np.float32], k: int) -> Leaves:
        """Returns the k likeliest leaves of items.

        Args:
          logits: As `logits` gives them.
          k: How many, at most as many as there are.
        """
        k = min(k, logits.shape[1])
        chances = np.exp(logits - logits.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        order = np.argsort(-chances, axis=1, kind="stable")[:, :k]
        return Leaves(
            [[self.categories[n] for n in row] for row in order.tolist()],
            np.take_along_axis(chances, order, 1),
        )


def texts_to_encode(titles: pa.Array, descriptions: pa.Array) -> pa.Array:
    """Returns what the encoder reads of items: title, else description."""
    empty = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(titles, "")), "")
    return pc.if_else(empty, pc.fill_null(descriptions, ""), titles)


def category_texts(categories: tuple[str, ...]) -> pa.Array:
    """Returns the leaves as texts: each teaches its own class by its name."""
    return pa.array(
        [c.replace(CATEGORY_SEPARATOR, " ") for c in categories], pa.string()
    )


def train(
    titles: pa.Array,
    descriptions: pa.Array,
    categories: pa.Array,
    vectors: NDArray[np.float32],
    category_vectors: NDArray[np.float32],
    *,
    settings: ClassifierSettings,
) -> LeafClassifier:
    """Trains on the items whose category is known.

    Args:
      titles: string [items].
      descriptions: string [items].
      categories: string [items]; null or "" where not known.
      vectors: float32 [items, d], of `texts_to_encode`; with d of 0
        n-grams are all that is learned from.
      category_vectors: float32 [leaves, d], of `category_texts` of the
        distinct categories in ascending order.
      settings: How.

    Raises:
      DataError: Fewer than two categories are known.
    """
    told = np.array(pc.fill_null(categories, "").to_pylist(), object)
    rows = np.flatnonzero(told != "")
    names, labels = np.unique(told[rows], return_inverse=True)
    if len(names) < 2:
        raise DataError(
            f"the items have {len(names)} categories; needed: at least two"
        )
    leaves = tuple(str(name) for name in names)
    scaling = Scaling.of(vectors[rows])
    names_of_leaves = category_texts(leaves)
    keep = pa.array(rows)
    both = _texts(
        pa.concat_arrays([titles.take(keep), names_of_leaves]),
        pa.concat_arrays(
            [descriptions.take(keep), pa.nulls(len(leaves), pa.string())]
        ),
        scaling(np.concatenate([vectors[rows], category_vectors])),
        settings,
    )
    known = ngrams.Known.of(both.whole, settings.fewest, settings.most_ngrams)
    made, strengths = network.fit(
        _read(both, known),
        np.concatenate([labels, np.arange(len(leaves))]),
        len(known.buckets),
        len(leaves),
        settings,
    )
    return LeafClassifier(settings, leaves, known, scaling, strengths, made)


def _texts(titles, descriptions, vectors, settings) -> network.Texts:
    title = ngrams.normalised(titles)
    whole = pc.binary_join_element_wise(
        title, ngrams.normalised(descriptions), " "
    )
    titles_read, whole_read = (
        ngrams.bags(read, settings.longest_ngram, settings.buckets)
        for read in (title, ngrams.normalised(whole))
    )
    return network.Texts(titles_read, whole_read, vectors)


def _read(texts: network.Texts, known: ngrams.Known) -> network.Texts:
    return network.Texts(
        known.read(texts.titles), known.read(texts.whole), texts.vectors
    )
