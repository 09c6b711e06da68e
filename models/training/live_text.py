"""Lets the text encoder learn in the steps that train the towers.

A step needs the text of every item of the catalogue, more than can be encoded
in it. So the tables of text vectors stay what the towers read; a few texts
that the step needs are encoded anew and written into them, and what the
loss's gradient says of their rows goes on into the encoder (as in Gao et al.
2021, https://arxiv.org/abs/2101.06983). The other rows keep their last
encoding, until all are encoded anew before a validation.
"""

import os

import numpy as np
import tensorflow as tf

from models.recommender import Recommender
from models.text.batching import budget_for, pack
from models.text.fine_tuning.settings import FineTuningSettings
from models.text.fine_tuning.tuning import FineTuning
from models.text.settings import TextSettings

# Texts whose tokens are counted at a time.
_COUNTED = 2048


class _Table:
    """Texts of one role, and the table of their vectors.

    Args:
      vectors: float32 [rows + 1, dimension]; row 0 is no text.
      texts: Bytes [rows], empty without a text.
    """

    def __init__(self, vectors: tf.Variable, texts: np.ndarray):
        self.vectors = vectors
        self.texts = np.array([b"", *texts], object)
        self.strings = tf.constant(self.texts.tolist(), tf.string)

    def needed(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns those of some rows that have a text, each once."""
        rows = tf.unique(tf.reshape(tf.cast(rows, tf.int32), [-1]))[0]
        return tf.boolean_mask(rows, tf.gather(self.strings, rows) != "")

    def gradients(self, whole, rows: tf.Tensor) -> tf.Tensor:
        """Sums what the table's gradient says of some rows, each once."""
        if not isinstance(whole, tf.IndexedSlices):
            return tf.gather(whole, rows)
        # The table is too long to be added up as a whole.
        count = tf.size(rows)
        place = tf.tensor_scatter_nd_update(
            tf.fill([tf.shape(self.strings)[0]], count),
            rows[:, None],
            tf.range(count),
        )
        return tf.math.unsorted_segment_sum(
            whole.values, tf.gather(place, whole.indices), count + 1
        )[:-1]


class LiveText:
    """The texts behind a model's vectors, and their encoder in training.

    Args:
      model: Whose tables hold the vectors that the encoder gives.
      tuning: The encoder.
      settings: How many texts a step encodes.
      items: Bytes [N], the items' texts by row; empty without a text.
      queries: Bytes [Q], of the model's training queries.
    """

    def __init__(
        self,
        model: Recommender,
        tuning: FineTuning,
        settings: FineTuningSettings,
        *,
        items: np.ndarray,
        queries: np.ndarray,
    ):
        self.settings = settings
        self.tuning = tuning
        self._model = model
        self._stale = False
        self._tables = {
            "item": _Table(model.items.text, items),
            "query": _Table(model.training_queries, queries),
        }

    def train_step(self, batch: dict) -> dict[str, tf.Tensor]:
        """Trains towers and encoder on a batch; for `Recommender`.

        Args:
          batch: `sequences`, as `models.inputs.sequence_inputs` makes them.

        Returns:
          The metrics, as TFRS's step does, and how many `texts` were
          encoded.
        """
        self._stale = True
        model, tuning = self._model, self.tuning
        tables = list(self._tables.values())
        drawn = self._draw(batch["sequences"])
        with tf.GradientTape(watch_accessed_variables=False) as encoding:
            encoding.watch(tuning.watched)
            fresh = [
                tuning.encode(tf.gather(table.strings, rows), role)
                for (role, table), rows in zip(
                    self._tables.items(), drawn, strict=True
                )
            ]
        for table, vectors, rows in zip(tables, fresh, drawn, strict=True):
            table.vectors.scatter_update(tf.IndexedSlices(vectors, rows))
        weights = model.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch([table.vectors for table in tables])
            loss = model.compute_loss(batch, training=True)
            regularization = tf.add_n([0.0, *model.losses])
            total = loss + regularization
        of_weights, of_tables = tape.gradient(
            total, [weights, [table.vectors for table in tables]]
        )
        model.optimizer.apply_gradients(zip(of_weights, weights, strict=True))
        of_fresh = [
            table.gradients(whole, rows)
            for table, whole, rows in zip(tables, of_tables, drawn, strict=True)
        ]
        tuning.apply(encoding.gradient(fresh, tuning.watched, of_fresh))
        return {
            **{metric.name: metric.result() for metric in model.metrics},
            "loss": loss,
            "regularization_loss": regularization,
            "total_loss": total,
            "texts": sum(tf.size(rows) for rows in drawn),
        }

    def _draw(self, sequences: dict) -> list[tf.Tensor]:
        """Draws rows of both tables from those that a batch needs.

        Returns:
          int32 rows of items and of queries, each once; together at most
          `texts_a_step`, and as many of a kind as its share of them is.
        """
        items = [
            tf.reshape(sequences[name], [-1]) for name in ("rows", "targets")
        ]
        needed = [
            self._tables["item"].needed(tf.concat(items, 0) + 1),
            self._tables["query"].needed(sequences["query_rows"]),
        ]
        count = sum(tf.size(rows) for rows in needed)
        order = tf.random.shuffle(tf.range(count))
        chosen = order[: self.settings.texts_a_step] < tf.size(needed[0])
        number = tf.reduce_sum(tf.cast(chosen, tf.int32))
        numbers = [number, tf.size(chosen) - number]
        return [
            tf.random.shuffle(rows)[:n]
            for rows, n in zip(needed, numbers, strict=True)
        ]

    def refresh(self) -> None:
        """Encodes all texts anew and centres them by their new means.

        Before the first step the tables are what they would become.
        """
        if not self._stale:
            return
        self._model.set_text_vectors(
            *(self._encode(role) for role in self._tables)
        )

    def _encode(self, role: str) -> np.ndarray:
        """Encodes all texts of a role, float32 [rows + 1, dimension]."""
        encoder = self.tuning.encoder_of(role)
        table = self._tables[role]
        vectors = np.zeros([len(table.texts), encoder.dimension], np.float32)
        there = np.flatnonzero(table.texts != b"")
        texts = table.texts[there]
        counts = [
            encoder.token_counts(
                tf.constant(texts[start : start + _COUNTED].tolist()), role=role
            )
            for start in range(0, len(texts), _COUNTED)
        ]
        budget = budget_for(
            TextSettings.batch_tokens, len(os.sched_getaffinity(0))
        )
        for rows in pack(np.concatenate([[], *counts]), budget):
            vectors[there[rows]] = encoder(
                tf.constant(texts[rows].tolist()), role=role
            )
        return vectors

    def state(self) -> list[np.ndarray]:
        """Copies what is trained of the encoder, for `restore`."""
        return self.tuning.state()

    def restore(self, state: list[np.ndarray]) -> None:
        """Puts back what `state` gave; the model's weights are not in it."""
        self.tuning.restore(state)
