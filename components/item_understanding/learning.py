"""Learns leaf categories of a catalogue, and when to believe them."""

import dataclasses
import math

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
      certainty: What it reached on items that were held out of it first.
    """

    leaves: LeafClassifier
    certainty: Certainty

    @classmethod
    def learn(
        cls, known: pa.Table, settings: ItemUnderstandingSettings
    ) -> "Teller | None":
        """Learns from items whose category is known.

        Twice: the first time without those that are held out, to measure by
        them how sure one has to be, then from all; that more of the same
        items teach cannot make it worse by much, and leaves of few items gain.

        Args:
          known: `title`, `description` and `category`, string each.
          settings: What is held out, and how precise it has to be.

        Returns:
          None where what is not held out is all of one category. Where no
          threshold is precise enough, the one that was measured.
        """
        rng = np.random.default_rng(settings.seed)
        order = rng.permutation(len(known))
        held = max(1, round(settings.held_out_share * len(known)))
        asked, taught = (
            known.take(pa.array(rows)) for rows in (order[:held], order[held:])
        )
        if len(set(taught["category"].to_pylist())) < 2:
            return None
        leaves = _train(taught, settings)
        told, chances = best(leaves, asked)
        right = np.array(told, object) == np.array(
            asked["category"].to_pylist(), object
        )
        certainty = Certainty.measure(
            chances, right, settings.precision, least=settings.least_chance
        )
        if math.isfinite(certainty.threshold):
            leaves = _train(known, settings)
        return cls(leaves=leaves, certainty=certainty)

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


def _train(
    known: pa.Table, settings: ItemUnderstandingSettings
) -> LeafClassifier:
    categories = len(set(known["category"].to_pylist()))
    most = max(settings.max_weights // categories, _FEWEST_NGRAMS)
    defaults = ClassifierSettings(seed=settings.seed)
    return classifier.train(
        *_words(known),
        known["category"].combine_chunks(),
        _no_vectors(len(known)),
        _no_vectors(categories),
        settings=dataclasses.replace(
            defaults, most_ngrams=min(most, defaults.most_ngrams)
        ),
    )


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
