"""The tiny shop's model and batches, made as the Trainer makes them."""

import contextlib
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models import inputs
from models.catalogue_files import read_items
from models.item_table import ItemTable
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.training import data, strategies


@contextlib.contextmanager
def turned_batches() -> Iterator[None]:
    """Lets batches come with their examples in the opposite order.

    What is trained so differs from what is trained otherwise by how sums are
    rounded, and by what Adam makes of that.
    """
    right = strategies.deal

    def deal(batches, *rest, **more):
        def turn(batch):
            return tf.nest.map_structure(lambda v: tf.reverse(v, [0]), batch)

        return right(batches.map(turn), *rest, **more)

    strategies.deal = deal
    try:
        yield
    finally:
        strategies.deal = right


def assert_alike(found: list, expected: list, turned: list) -> None:
    """Holds a curve against one that should be the same but for rounding.

    Args:
      found: Its values.
      expected: Those of the other.
      turned: Those of the other with `turned_batches`.
    """
    noise = np.abs(np.subtract(turned, expected)).max()
    assert np.abs(np.subtract(found, expected)).max() <= 3 * noise


class ShopModel:
    """A model on the devices of a strategy, and what to train it on."""

    def __init__(
        self,
        sources: data.Sources,
        settings: ModelSettings,
        training: TrainingSettings,
        folder: pathlib.Path,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.strategy = strategy or tf.distribute.get_strategy()
        columns = read_items(data.split_files(sources.items, "all"))
        number = len(columns["item_id"])
        folder.mkdir(parents=True, exist_ok=True)
        items = ItemTable(
            columns,
            np.zeros([number, 0], np.float32),
            str(folder / "ids"),
            strategies.scope(self.strategy),
        )
        nowhere = data.query_lookup([])
        self.sequences = data.sequences(
            data.records(
                data.split_files(sources.examples, "sequence_train"),
                training.files_side_by_side,
            ),
            settings.head_names,
            lambda batch: inputs.sequence_inputs(
                batch,
                settings,
                items.lookup,
                nowhere,
                validation_share=training.validation_share,
                validation_steps=training.validation_steps,
            ),
        )
        if training.keep_sequences:
            self.sequences = self.sequences.cache()
        self.ranking = (
            data.records(data.split_files(sources.examples, "train"))
            .batch(training.ranking_batch, drop_remainder=True)
            .map(data.parse(settings.head_names))
            .map(
                lambda batch: inputs.ranking_inputs(
                    batch, settings, items.lookup, nowhere
                )
            )
        )
        counts, newest, seen = data.targets(self.sequences, number)
        items.set_choices(counts)
        with strategies.scope(self.strategy):
            self.model = Recommender(
                settings,
                training,
                items,
                counts=counts,
                newest=newest,
                available_from=data.available_from(
                    settings, items.listed_at, seen, counts
                ),
                sizes=data.vocabulary_sizes(sources),
                query_vectors=np.zeros([1, 0], np.float32),
            )
