"""Daogou's own model on sequences: what the Trainer trains, on arrays.

The model class, its inputs, its loss, its training loop and the way it answers
a request are the pipeline's; only the files between the nodes are left out.
"""

import dataclasses
import os
import pathlib

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import models  # noqa: F401  before TensorFlow: chooses Keras 2
from benchmarks.quality.sequences import Score, Sequences, Split
from models import features, inputs
from models.catalogue_files import first_words
from models.cooccurrence.fitting import fit_neighbours
from models.cooccurrence.neighbours import add_scores, retrieve
from models.cooccurrence.sequences import ItemSequences
from models.item_table import IDS_FILE, ItemTable
from models.recommender import Recommender
from models.settings import ModelSettings, TrainingSettings
from models.training import fitting
from schema.contract import EVENT_TYPES

EVENT = "buy"
# The row of the feature table that attributes become.
TAGS = "tags_index"
MODEL = ModelSettings(
    heads=(f"{EVENT}={EVENT}",),
    positive_event_types=(EVENT,),
    exclude_seen=True,
    complete_catalogue=True,
    dimension=256,
    num_blocks=1,
    gated=True,
    feed_forward=4,
    dropout=0.5,
    id_dropout=0.0,
)
TRAINING = TrainingSettings(
    max_epochs=30,
    patience=2,
    validation_share=1.0,
    validation_steps=1,
    spectral_start=True,
    decay_steps=3500,
    averaging=0.99,
    full_softmax_items=0,
    sampled_negatives=2048,
)
# Only the order is known: a step a week and the request a week after the
# last, so that hour, weekday and gap are always the same and say nothing.
_WEEK = 7 * 86_400
_FIRST = 1_000_000_000
_BATCH = 256


def settings(*, attributes: bool) -> dict:
    """Returns all that a result depends on but the seed, for its digest."""
    return {
        "attributes": attributes,
        "model": dataclasses.asdict(MODEL),
        "training": dataclasses.asdict(TRAINING),
    }


class _Steps:
    """Histories as transformed examples have them."""

    def __init__(self, histories: ItemSequences, items: NDArray):
        self._histories, self._items = histories, items

    def batch(self, index: NDArray[np.int64]) -> dict[str, tf.Tensor]:
        """Returns features [B] and lists [B, W] of some sequences."""
        starts = self._histories.offsets[index]
        lengths = self._histories.offsets[index + 1] - starts
        step = np.arange(max(1, int(lengths.max(initial=0))))
        here = step[None, :] < lengths[:, None]
        place = np.where(here, starts[:, None] + step[None, :], 0)
        ids = np.where(here, self._items[self._histories.rows[place]], b"")
        times = np.where(here, _FIRST + _WEEK * step[None, :], 0)
        context = {
            feature.name: tf.zeros([len(index)], feature.dtype)
            for feature in inputs.CONTEXT
        }
        return {
            **context,
            "history_item_ids": tf.constant(ids.astype(object), tf.string),
            "history_event_indices": tf.constant(
                here * (1 + EVENT_TYPES.index(EVENT)), tf.int64
            ),
            "history_timestamps": tf.constant(times, tf.int64),
            "history_queries": tf.fill(here.shape, ""),
            "timestamp": tf.constant(_FIRST + _WEEK * lengths, tf.int64),
            "user_id": tf.strings.as_string(index),
        }


def fit(
    data: Sequences,
    *,
    seed: int,
    log_dir: pathlib.Path,
    attributes: bool = False,
    model: ModelSettings = MODEL,
    training: TrainingSettings = TRAINING,
) -> Score:
    """Trains on `data.training()`; stops by the targets of `validation`.

    Args:
      data: The sequences.
      seed: Of the training.
      log_dir: For TensorBoard and the ids of the items.
      attributes: Whether items come with their attributes, as tags.
      model: What the model is.
      training: How it is trained.

    Returns:
      Scores as a request to the trained model gets them.
    """
    tf.keras.utils.set_random_seed(seed)
    words = _words(data if attributes else None)
    table = _item_table(data, words, log_dir)
    ids = table.ids
    sequences = _sequences(data, model, table)
    counts = _target_counts(sequences, data.num_items)
    table.set_choices(data.training_counts())
    recommender = Recommender(
        model,
        training,
        table,
        counts=counts,
        newest=0,
        available_from=np.zeros(data.num_items, np.int64),
        sizes=_sizes(words),
        query_vectors=np.zeros([1, table.text_dimension], np.float32),
    )
    fitting.fit_retrieval(recommender, sequences, training, str(log_dir))
    fit_neighbours(recommender, sequences, training, held_out=False)
    vectors = recommender.score_vectors(recommender.representations[1:])

    unseen = table.choices() == 0

    @tf.function(reduce_retracing=True, autograph=False)
    def answer(batch):
        request = inputs.request_inputs(batch, model, table.lookup)
        text = tf.zeros([tf.shape(batch["user_id"])[0], table.text_dimension])
        no_search = tf.zeros_like(request["length"], tf.bool)
        found = retrieve(recommender, request, text, no_search)
        scores = tf.matmul(found["query"], vectors, transpose_b=True)
        scores += tf.where(unseen, found["unseen_offset"][:, None], 0.0)
        return add_scores(scores, found["neighbours"], found["added"])

    def score(users: NDArray[np.int64], split: Split) -> NDArray[np.float32]:
        steps = _Steps(data.histories(split, users), ids)
        parts = np.array_split(
            np.arange(len(users)), max(1, len(users) // _BATCH)
        )
        found = [answer(steps.batch(part)).numpy() for part in parts]
        return np.concatenate(found)

    return score


def _words(data):
    """Numbers attributes as Transform numbers tags: the most frequent is 1.

    Returns:
      int64 SparseTensor [N, A] of indices, 0 for an attribute of one item
      alone; None where there are no attributes.
    """
    if data is None or data.attributes is None:
        return None
    carried = data.attributes.tocoo()
    counts = np.bincount(carried.col, minlength=data.attributes.shape[1])
    index = np.empty(len(counts), np.int64)
    index[np.argsort(-counts, kind="stable")] = 1 + np.arange(len(counts))
    index[counts < 2] = 0
    return tf.SparseTensor(
        np.stack([carried.row, carried.col], 1).astype(np.int64),
        index[carried.col],
        carried.shape,
    )


def _sizes(words):
    """Returns the number of indices of the features with a vocabulary."""
    sizes = {
        feature.name: 1
        for feature in (*features.ITEM_FEATURES, *features.BEHAVIOR_FEATURES)
        if feature.size < 0
    }
    if words is not None:
        sizes[TAGS] = 1 + int(tf.reduce_max(words.values))
    return sizes


def _item_table(data, words, log_dir):
    columns = {
        feature.name: np.zeros(
            [data.num_items, features.MAX_TAGS]
            if feature.is_list
            else data.num_items,
            tf.as_dtype(feature.dtype).as_numpy_dtype,
        )
        for feature in features.ITEM_FEATURES
    }
    if words is not None:
        columns[TAGS] = first_words(words, features.MAX_TAGS).numpy()
    columns["item_id"] = np.array([i.encode() for i in data.items], object)
    return ItemTable(
        columns,
        np.zeros([data.num_items, 1], np.float32),
        os.path.join(log_dir, IDS_FILE),
    )


def _sequences(data, settings, table):
    """Makes training examples whose held-out step is that of `validation`."""
    steps = _Steps(data.histories("test"), table.ids)
    asked = np.zeros(len(data.users), bool)
    asked[data.asked] = True

    def prepare(index):
        batch = inputs.sequence_inputs(
            steps.batch(index),
            settings,
            table.lookup,
            lambda texts: tf.zeros(tf.shape(texts), tf.int32),
            validation_share=1.0,
            validation_steps=1,
        )
        # Who is never asked has nothing held out.
        spare = batch["validation"] & ~asked[index][:, None]
        batch["train"] |= spare
        batch["validation"] &= ~spare
        return batch

    parts = np.array_split(
        np.arange(len(data.users)), max(1, len(data.users) // _BATCH)
    )
    batches = [prepare(part) for part in parts]
    joined = tf.nest.map_structure(lambda *x: tf.concat(x, 0), *batches)
    return tf.data.Dataset.from_tensor_slices(joined)


def _target_counts(sequences, num_items):
    counts = np.zeros(num_items, np.int64)
    for batch in sequences.batch(4096):
        targets = batch["targets"].numpy()[batch["train"].numpy()]
        counts += np.bincount(targets, minlength=num_items)
    return counts
