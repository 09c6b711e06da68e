"""Learns leaf categories of a catalogue, and when to believe them."""

import dataclasses

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.item_understanding.settings import ItemUnderstandingSettings
from models.understanding import classifier
from models.understanding.certainty import Certainty
from models.understanding.classifier import LeafClassifier
from models.understanding.settings import ClassifierSettings

_FEWEST_NGRAMS = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teller:
    """Tells the category of items from their words.

    Titles and descriptions are all it reads. The text that the encoder gets,
    and so its vectors, have the leaf of every item that has one: who learned
    from them would learn to read the answer.

    Attributes:
      leaves: The classifier.
      certainty: What it reached on items that it has not learned from.
    """

    leaves: LeafClassifier
    certainty: Certainty

    @classmethod
    def learn(
        cls, known: pa.Table, settings: ItemUnderstandingSettings
    ) -> "Teller | None":
        """Learns from items whose category is known.

        Args:
          known: `title`, `description` and `category`, string each.
          settings: What is held out, and how precise it has to be.

        Returns:
          None where what is not held out is all of one category.
        """
        rng = np.random.default_rng(settings.seed)
        order = rng.permutation(len(known))
        held = max(1, round(settings.held_out_share * len(known)))
        asked, taught = (
            known.take(pa.array(rows)) for rows in (order[:held], order[held:])
        )
        categories = len(set(taught["category"].to_pylist()))
        if categories < 2:
            return None
        most = max(settings.max_weights // categories, _FEWEST_NGRAMS)
        defaults = ClassifierSettings(seed=settings.seed)
        leaves = classifier.train(
            *_words(taught),
            taught["category"].combine_chunks(),
            _no_vectors(len(taught)),
            _no_vectors(categories),
            settings=dataclasses.replace(
                defaults, most_ngrams=min(most, defaults.most_ngrams)
            ),
        )
        told, chances = best(leaves, asked)
        right = np.array(told, object) == np.array(
            asked["category"].to_pylist(), object
        )
        return cls(
            leaves=leaves,
            certainty=Certainty.measure(
                chances,
                right,
                settings.precision,
                least=settings.least_chance,
            ),
        )

    def tell(self, items: pa.Table) -> list[str]:
        """Returns the category of items, "" where it is not sure enough.

        Args:
          items: `title` and `description`, string each.
        """
        told, chances = best(self.leaves, items)
        sure = (chances > 0) & (chances >= self.certainty.threshold)
        return [
            category if known else ""
            for category, known in zip(told, sure.tolist(), strict=True)
        ]


def best(
    leaves: LeafClassifier, items: pa.Table
) -> tuple[list[str], NDArray[np.float32]]:
    """Returns the likeliest category of items and its chance.

    Who says no word that is known has a chance of 0: the most frequent
    category would be a guess about the shop, not about the item.

    Args:
      leaves: Trained without vectors.
      items: `title` and `description`, string each.
    """
    titles, descriptions = _words(items)
    logits = leaves.logits(titles, descriptions, _no_vectors(len(items)))
    likeliest = leaves.best(logits, 1)
    spoken = leaves.reads(titles, descriptions)
    chances = np.where(spoken, likeliest.chances[:, 0], 0).astype(np.float32)
    return [row[0] for row in likeliest.categories], chances


def _words(items: pa.Table) -> tuple[pa.Array, pa.Array]:
    return (
        items["title"].combine_chunks(),
        items["description"].combine_chunks(),
    )


def _no_vectors(count: int) -> NDArray[np.float32]:
    return np.zeros((count, 0), np.float32)
