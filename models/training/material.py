"""What a training reads, and the models that are made of it."""

import os

import numpy as np
import tensorflow as tf

from models import inputs
from models.item_table import (
    IDS_FILE,
    ItemTable,
    align,
    read_item_texts,
    read_items,
    read_text_vectors,
)
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.text.fine_tuning.settings import FineTuningSettings
from models.text.fine_tuning.tuning import FineTuning
from models.training import data
from models.training.data import Sources
from models.training.encoders import trainable_encoder
from models.training.gathering import widened
from models.training.heads import prepared
from models.training.learned_users import Choices
from models.training.live_text import LiveText


class Material:
    """Items, sequences and impressions, as the model reads them.

    Attributes:
      about_text: What `encoder.json` says of the text vectors.
      items: Of which the sequences tell.
      sequences: Prepared, one a user.
      counts: int64 [N], how often each item is a target.
      choices: Who chose what, when.
      impressions: string, transformed ranking examples.
    """

    def __init__(self, sources: Sources, run_dir: str, settings: ModelSettings):
        """Reads the tables; `take` comes next.

        Args:
          sources: What to train on.
          run_dir: Where the ids of the items are written.
          settings: What the model is.
        """
        self._sources, self._run_dir = sources, run_dir
        self._settings = settings
        keys, vectors, self.about_text = read_text_vectors(
            sources.text_vectors, "item_id"
        )
        self._columns = read_items(data.split_files(sources.items, "all"))
        self._texts = align(self._columns["item_id"], keys, vectors)
        files = data.split_files(sources.examples, "train")
        self.impressions = data.records(files)

    def item_table(self, scope=None, least: int = 0) -> ItemTable:
        """Makes a table of the items.

        Args:
          scope: As `ItemTable` takes it.
          least: Width that text vectors have at least.
        """
        return ItemTable(
            self._columns,
            widened(self._texts, least),
            os.path.join(self._run_dir, IDS_FILE),
            scope,
        )

    def take(self, items: ItemTable, training: TrainingSettings) -> None:
        """Reads sequences as rows of a table of the items.

        Args:
          items: The table.
          training: How it is trained on them.

        Raises:
          DataError: There is none to train on.
        """
        self.items, self._training = items, training
        self._queries, self._query_vectors, _ = read_text_vectors(
            self._sources.text_vectors, "query"
        )
        self._query_lookup = data.query_lookup(self._queries)
        files = data.split_files(self._sources.examples, "sequence_train")
        self.sequences = data.sequences(
            files,
            self._settings.head_names,
            lambda batch: inputs.sequence_inputs(
                batch,
                self._settings,
                items.lookup,
                self._query_lookup,
                validation_share=training.validation_share,
                validation_steps=training.validation_steps,
            ),
        ).cache()
        self.counts, self._newest, self._first_seen = data.targets(
            self.sequences, items.num_items
        )
        self.choices = Choices.of(self.sequences, data.records(files))

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
