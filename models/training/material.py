"""What a training reads, and the models that are made of it."""

import logging
import os
from itertools import chain

import numpy as np
import tensorflow as tf

from models import inputs
from models.catalogue_files import (
    align,
    read_item_texts,
    read_items,
    read_text_vectors,
    widened,
)
from models.item_table import IDS_FILE, IMAGE, ItemTable
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.shards import check_whole
from models.text.fine_tuning.settings import FineTuningSettings
from models.text.fine_tuning.tuning import FineTuning
from models.training import data
from models.training.data import Sources
from models.training.encoders import trainable_encoder
from models.training.heads import prepared
from models.training.learned_users import Choices
from models.training.live_text import LiveText
from schema.errors import DataError

_log = logging.getLogger(__name__)


class Material:
    """Items, sequences and impressions, as the model reads them.

    Attributes:
      about_text: What `encoder.json` says of the text vectors.
      items: Of which the sequences tell.
      sequences: Prepared, one a user.
      counts: int64 [N], how often each item is a target.
      choices: Who chose what, when.
      impressions: string, transformed ranking examples.
      own_sequences: Those that this worker draws batches from, where it has
        a share of its own; else None.
      own_impressions: The same of impressions.
    """

    def __init__(
        self,
        sources: Sources,
        run_dir: str,
        settings: ModelSettings,
        training: TrainingSettings,
    ):
        """Reads the tables; `take` comes next.

        Args:
          sources: What to train on.
          run_dir: Where the ids of the items are written.
          settings: What the model is.
          training: How it is trained.

        Raises:
          DataError: A file of examples is missing or damaged.
        """
        self._training = training
        self._files = {
            split: data.split_files(sources.examples, split)
            for split in ("train", "sequence_train")
        }
        item_files = data.split_files(sources.items, "all")
        check_whole([*item_files, *chain.from_iterable(self._files.values())])
        self._sources, self._run_dir = sources, run_dir
        self._settings = settings
        keys, vectors, self.about_text = read_text_vectors(
            sources.text_vectors, "item_id"
        )
        self._columns = read_items(item_files, images=settings.images)
        if settings.images and not self._columns[IMAGE].any():
            _log.warning("no item has an image; the model does without")
        self._texts = align(self._columns["item_id"], keys, vectors)
        self.impressions = self._records("train")
        self.own_sequences: tf.data.Dataset | None = None
        self.own_impressions: tf.data.Dataset | None = None

    def item_table(self, scope=None, least: int = 0) -> ItemTable:
        """Makes a table of the items.

        Args:
          scope: As `ItemTable` takes it.
          least: Width that text vectors have at least: workers crash
            (TensorFlow 2.20) when they send one another a variable without
            a number in it, as vectors of no text are.
        """
        return ItemTable(
            self._columns,
            widened(self._texts, least),
            os.path.join(self._run_dir, IDS_FILE),
            scope,
        )

    def _records(self, split: str) -> tf.data.Dataset:
        """Reads the examples of a split."""
        return data.records(
            self._files[split], self._training.files_side_by_side
        )

    def take(self, items: ItemTable, worker: int, workers: int) -> None:
        """Reads sequences as rows of a table of the items.

        Args:
          items: The table.
          worker: Which one this is, from 0 on.
          workers: How many there are.

        Raises:
          DataError: There is none to train on.
        """
        self.items = items
        self._queries, self._query_vectors, _ = read_text_vectors(
            self._sources.text_vectors, "query"
        )
        self._query_lookup = data.query_lookup(self._queries)
        examples = self._records("sequence_train")
        self.sequences = self._sequences(examples)
        if self._training.keep_sequences:
            self.sequences = self.sequences.cache()
        self.counts, self._newest, self._first_seen = data.targets(
            self.sequences, items.num_items
        )
        self.choices = Choices.of(self.sequences, examples)
        if self._training.own_files:
            self._deal(worker, workers)

    def _sequences(self, examples: tf.data.Dataset) -> tf.data.Dataset:
        """Parses and prepares sequences."""
        return data.sequences(
            examples,
            self._settings.head_names,
            lambda batch: inputs.sequence_inputs(
                batch,
                self._settings,
                self.items.lookup,
                self._query_lookup,
                validation_share=self._training.validation_share,
                validation_steps=self._training.validation_steps,
            ),
        )

    def _deal(self, worker: int, workers: int) -> None:
        """Gives this worker a share of its own to draw batches from."""
        sequences, self.own_impressions = (
            data.own_records(
                self._files[split],
                worker,
                workers,
                self._training.files_side_by_side,
            )
            for split in ("sequence_train", "train")
        )
        if not list(sequences.take(1)):
            raise DataError(
                f"worker {worker} of {workers} has no sequence of its own in "
                f"{len(self._files['sequence_train'])} files; allowed: fewer "
                "workers, or own_files=False"
            )
        self.own_sequences = self._sequences(sequences)

    def set_choices(self, sequences: tf.data.Dataset | None = None) -> None:
        """Tells the items how often they were chosen; in all by default."""
        counts = self.counts
        if sequences is not None:
            counts, _, _ = data.targets(sequences, self.items.num_items)
        self.items.set_choices(counts)

    def recommender(
        self, items: ItemTable, settings: ModelSettings
    ) -> Recommender:
        """Makes an untrained model of a table of the items."""
        return Recommender(
            settings,
            self._training,
            items,
            counts=self.counts,
            newest=self._newest,
            available_from=data.available_from(
                settings, items.listed_at, self._first_seen, self.counts
            ),
            sizes=data.vocabulary_sizes(self._sources),
            query_vectors=widened(
                np.pad(self._query_vectors, [(1, 0), (0, 0)]),
                items.text_dimension,
            ),
        )

    def live_text(
        self, model: Recommender, fine_tuning: FineTuningSettings
    ) -> LiveText:
        """Puts the text encoder into the training of a model.

        Raises:
          DataError: There is none.
        """
        encoder = trainable_encoder(self.about_text, self._sources)
        return LiveText(
            model,
            FineTuning(encoder, fine_tuning, self._training.seed),
            fine_tuning,
            items=read_item_texts(self._sources.text_vectors, self.items.ids),
            queries=self._queries,
        )

    def ranking_inputs(self, batch: dict) -> dict:
        """Prepares parsed ranking examples."""
        return inputs.ranking_inputs(
            batch, self._settings, self.items.lookup, self._query_lookup
        )

    def some_ranking(self) -> tf.data.Dataset:
        """Returns batches of one ranking example, prepared."""
        some = self.impressions.batch(1)
        return prepared(some, self._settings, self.ranking_inputs)
