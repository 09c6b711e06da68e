"""Reads items: what a catalogue taught, put to work on any texts."""

import dataclasses
import json
import typing

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from applications.understanding import duplicates, planting
from applications.understanding.attributes import Attributes
from applications.understanding.brands import Brands
from applications.understanding.settings import DuplicateSettings
from applications.understanding.spans import Found
from models.understanding import classifier
from models.understanding.classifier import LeafClassifier, Leaves
from models.understanding.settings import ClassifierSettings

# Columns that `filled` adds; their names say that they are no facts.
INFERRED = (
    "inferred_category",
    "category_confidence",
    "inferred_brand",
    "brand_confidence",
    "inferred_attributes",
    "duplicate_of",
)

# Of pairs among which the threshold is chosen.
_LEAST_ALIKE = 0.5

Encode: typing.TypeAlias = typing.Callable[[pa.Array], NDArray[np.float32]]


@dataclasses.dataclass(frozen=True)
class Understood:
    """What is understood of items.

    Attributes:
      leaves: Their likeliest leaf categories.
      brands: Their brands; None where the title says none.
      attributes: Of each, in the order of the title.
      vectors: float32 [items, d], of their texts, scaled.
    """

    leaves: Leaves
    brands: list[Found | None]
    attributes: list[list[Found]]
    vectors: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class ItemReader:
    """All that a catalogue taught.

    Attributes:
      leaves: Tells leaf categories.
      brands: Finds brands.
      attributes: Finds attributes.
      twins: What makes items near duplicates.
    """

    leaves: LeafClassifier
    brands: Brands
    attributes: Attributes
    twins: DuplicateSettings

    @classmethod
    def learn(
        cls,
        items: pa.Table,
        encode: Encode,
        settings: ClassifierSettings,
        twins: DuplicateSettings,
    ) -> "ItemReader":
        """Learns from a catalogue.

        Args:
          items: The contract's table of items.
          encode: string [n] → float32 [n, d].
          settings: Of the classifier.
          twins: Of near duplicates.

        Raises:
          DataError: Fewer than two categories are known.
        """
        titles, descriptions = texts_of(items)
        categories = _text(items, "category")
        names = tuple(sorted({c for c in categories.to_pylist() if c}))
        leaves = classifier.train(
            titles,
            descriptions,
            categories,
            encode(classifier.texts_to_encode(titles, descriptions)),
            encode(classifier.category_texts(names)),
            settings=settings,
        )
        told = titles.to_pylist()
        brands = _text(items, "brand").to_pylist()
        tags = items["tags"].to_pylist() if "tags" in items.column_names else []
        made = cls(
            leaves,
            Brands.learn(told, brands, categories.to_pylist()),
            Attributes.learn(told, tags, brands),
            twins,
        )
        threshold = made._calibrated(items, encode)
        return dataclasses.replace(
            made, twins=dataclasses.replace(twins, threshold=threshold)
        )

    def _calibrated(self, items: pa.Table, encode: Encode) -> float:
        """Chooses the threshold that finds planted duplicates best."""
        if not self.twins.planted:
            return self.twins.threshold
        planted = planting.plant(
            texts_of(items)[0].to_pylist(), self.twins.planted, self.twins.seed
        )
        both = planting.with_planted(items, planted)
        found = self.pairs(both, self.read(both, encode, k=1), _LEAST_ALIKE)
        return planting.best_threshold(
            found, planted, len(items), self.twins.threshold
        )

    def read(self, items: pa.Table, encode: Encode, k: int = 3) -> Understood:
        """Reads items.

        Args:
          items: With `title`, and `description` where there is one.
          encode: As `learn` had it.
          k: Leaves of each.
        """
        titles, descriptions = texts_of(items)
        vectors = encode(classifier.texts_to_encode(titles, descriptions))
        if not vectors.shape[1]:
            width = len(self.leaves.scaling.mean)
            vectors = np.zeros((len(titles), width), np.float32)
        logits = self.leaves.logits(titles, descriptions, vectors)
        leaves = self.leaves.best(logits, k)
        told = titles.to_pylist()
        return Understood(
            leaves,
            self.brands.find(told, [row[0] for row in leaves.categories]),
            self.attributes.find(told),
            self.leaves.scaling(vectors),
        )

    def pairs(
        self, items: pa.Table, read: Understood, least: float | None = None
    ) -> duplicates.Pairs:
        """Finds near duplicates among items.

        Args:
          items: That were read.
          read: What was understood of them. What the table itself says of
            brand and category goes before it.
          least: Similarity of a pair; the threshold by default.
        """
        titles = texts_of(items)[0]
        brands = _or(
            _text(items, "brand"),
            [one.value if one else "" for one in read.brands],
        )
        leaves = _or(
            _text(items, "category"), [row[0] for row in read.leaves.categories]
        )
        facts = [
            duplicates.facts_of(*told)
            for told in zip(
                titles.to_pylist(), brands, read.attributes, strict=True
            )
        ]
        return duplicates.similar_pairs(
            titles,
            read.vectors,
            facts,
            [brands, leaves],
            self.twins,
            least=least,
        )

    def filled(self, items: pa.Table, encode: Encode) -> pa.Table:
        """Returns items with the columns of `INFERRED` behind their own.

        Nothing that the table has is changed. A pipeline fills missing
        categories in by its node `ItemUnderstanding`, where they are sure
        enough; here all are told, with their confidence.

        Args:
          items: With `item_id` and `title`.
          encode: As `learn` had it.
        """
        read = self.read(items, encode, k=1)
        twins = duplicates.representatives(self.pairs(items, read), len(items))
        ids = items["item_id"].combine_chunks()
        own = np.arange(len(items)) == twins
        brands = read.brands
        columns = (
            [row[0] for row in read.leaves.categories],
            pa.array(read.leaves.chances[:, 0]),
            [one.value if one else None for one in brands],
            pa.array(
                [o.confidence if o else None for o in brands], pa.float32()
            ),
            [as_json(found) for found in read.attributes],
            pc.if_else(pa.array(own), None, ids.take(pa.array(twins))),
        )
        for name, column in zip(INFERRED, columns, strict=True):
            items = items.append_column(name, pa.array(column))
        return items


def texts_of(items: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Returns titles and descriptions, "" where there is none."""
    return _text(items, "title"), _text(items, "description")


def as_json(found: list[Found]) -> str:
    """Writes attributes as JSON: name, value, and where in the title."""
    return json.dumps(
        [
            {
                "name": one.name,
                "value": one.value,
                "span": [one.start, one.end],
                "source": one.source,
            }
            for one in found
        ],
        ensure_ascii=False,
    )


def _text(items: pa.Table, name: str) -> pa.Array:
    if name not in items.column_names:
        return pa.array([""] * len(items), pa.string())
    column = items[name].cast(pa.string()).combine_chunks()
    return pc.fill_null(column, "")


def _or(told: pa.Array, inferred: list[str]) -> list[str]:
    return [
        own or other
        for own, other in zip(told.to_pylist(), inferred, strict=True)
    ]
