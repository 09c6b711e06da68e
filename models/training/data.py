"""What training reads: the folders, and what of them becomes tensors."""

import dataclasses
import json
import os
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from models import features, inputs
from models.retrieval import NEVER
from models.shards import check_complete
from schema.errors import DataError

PARSE_BATCH = 512
# Examples that are taken of a file before the next one's turn.
_STRETCH = 16
# Stands in a bundle where a run has its Transform graphs.
SIZES = "sizes.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """Folders that training reads.

    Attributes:
      examples: Transformed behaviour, with `Split-train` (ranking examples)
        and `Split-sequence_train`.
      transform_graph: Transform graph of behaviour.
      items: Transformed items, `Split-all`.
      item_transform_graph: Transform graph of items.
      text_vectors: A `TextVectors` artifact.
    """

    examples: str
    transform_graph: str
    items: str
    item_transform_graph: str
    text_vectors: str


def sources_of(fn_args) -> Sources:
    """Returns the folders that TFX's Trainer or Tuner hands over.

    Args:
      fn_args: `tfx.components.FnArgs`. `components.trainer` adds to its
        `custom_config`: `transformed_examples`, `transformed_items`,
        `item_transform_graph`, `text_vectors`.
    """
    config = fn_args.custom_config
    return Sources(
        examples=config["transformed_examples"],
        transform_graph=fn_args.transform_graph_path,
        items=config["transformed_items"],
        item_transform_graph=config["item_transform_graph"],
        text_vectors=config["text_vectors"],
    )


def split_files(folder: str, split: str) -> list[str]:
    """Lists the files of a split of an Examples artifact, in order.

    Raises:
      DataError: One of the numbered files is missing.
    """
    pattern = os.path.join(folder, f"Split-{split}", "*")
    files = sorted(tf.io.gfile.glob(pattern))
    check_complete(files)
    return files


def records(files: list[str], side_by_side: int = 1) -> tf.data.Dataset:
    """Reads serialised examples of files that TFX wrote.

    The order follows from the files and `side_by_side` alone, however long
    each file takes; of one file it is the file's.

    Args:
      files: In order.
      side_by_side: How many are read at the same time, a stretch of each in
        turn.
    """
    if min(len(files), side_by_side) <= 1:
        return tf.data.TFRecordDataset(files, compression_type="GZIP")
    together = min(len(files), side_by_side)
    return tf.data.Dataset.from_tensor_slices(files).interleave(
        lambda path: tf.data.TFRecordDataset(path, compression_type="GZIP"),
        cycle_length=together,
        block_length=_STRETCH,
        num_parallel_calls=together,
        deterministic=True,
    )


def own_records(
    files: list[str], worker: int, workers: int, side_by_side: int = 1
) -> tf.data.Dataset:
    """Reads what one of several workers draws its batches from.

    All workers together have every example once.

    Args:
      files: In order, the same on all workers.
      worker: Which one this is, from 0 on.
      workers: How many there are. With fewer files than that each worker
        reads all, and keeps every so-manieth example.
      side_by_side: As for `records`.
    """
    if len(files) < workers:
        return records(files, side_by_side).shard(workers, worker)
    return records(files[worker::workers], side_by_side)


def parse(heads: tuple[str, ...]) -> Callable[[tf.Tensor], dict]:
    """Returns what parses a batch of transformed behaviour."""
    spec = inputs.parsing_spec(heads)
    return lambda examples: tf.io.parse_example(examples, spec)


def sequences(
    examples: tf.data.Dataset,
    heads: tuple[str, ...],
    prepare: Callable[[dict], dict],
) -> tf.data.Dataset:
    """Reads single sequences.

    Args:
      examples: string, transformed behaviour.
      heads: Names of the ranking heads.
      prepare: Makes of a parsed batch what the model reads.
    """
    return (
        examples.batch(PARSE_BATCH)
        .map(parse(heads))
        .map(prepare, num_parallel_calls=2)
        .unbatch()
    )


def targets(sequences, num_items):
    """Looks at the steps of all sequences.

    Returns:
      How often each item is a target, the time of the last target, and when
      each item first turns up; the end of time where it never does.
    """
    counts, newest = np.zeros(num_items, np.int64), 0
    first_seen = np.full(num_items, NEVER)
    for batch in sequences.batch(4096):
        train = batch["train"].numpy()
        rows, seen = batch["targets"].numpy(), batch["target_times"].numpy()
        np.minimum.at(first_seen, rows[rows >= 0], seen[rows >= 0])
        targets = batch["targets"].numpy()[train]
        counts += np.bincount(targets, minlength=num_items)
        times = batch["target_times"].numpy()[train]
        newest = max(newest, int(times.max(initial=0)))
    if not counts.any():
        raise DataError(
            "sequence_train has no step to learn from; needed: at least one "
            "event of a positive type on an item of the catalogue before the "
            "split time"
        )
    return counts, newest, first_seen


def parting_time(sequences: tf.data.Dataset, share: float) -> int:
    """Returns when the latest targets begin, Unix seconds.

    Args:
      sequences: Single examples as `models.inputs.sequence_inputs` makes them.
      share: Of the targets that are to be late.

    Returns:
      0 where the times do not tell: fewer than half of the targets that
      should be early are.
    """
    times = np.concatenate(
        [
            batch["target_times"].numpy()[batch["train"].numpy()]
            for batch in sequences.batch(4096)
        ]
    )
    time = int(np.quantile(times, 1 - share))
    enough = 0.5 * (1 - share)
    return time if np.mean(times < time) >= enough else 0


def before(sequences: tf.data.Dataset, time: int) -> tf.data.Dataset:
    """Takes the targets from a time on out of the loss, for 0 none.

    What is held out for validation stays, and so do the histories.
    """
    if not time:
        return sequences

    def cut(sequence):
        early = sequence["target_times"] < time
        return {**sequence, "train": sequence["train"] & early}

    def useful(sequence):
        return tf.reduce_any(sequence["train"] | sequence["validation"])

    return sequences.map(cut).filter(useful)


def available_from(settings, listed_at, first_seen, counts):
    """Returns int64 [N], Unix seconds from which on an item is a negative."""
    if settings.complete_catalogue:
        return np.zeros_like(listed_at)
    # The first step of anyone stands for the listing where it is unknown.
    known = np.where(listed_at > 0, listed_at, first_seen)
    return np.where(counts > 0, known, NEVER)


def query_lookup(queries):
    """Returns texts → rows of the training queries; 0 is no text."""
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant([b"", *queries], tf.string),
            tf.range(len(queries) + 1),
        ),
        default_value=0,
    )
    return table.lookup


def vocabulary_sizes(sources: Sources) -> dict[str, int]:
    """Returns how many indices each feature with a vocabulary has."""
    written = os.path.join(sources.transform_graph, SIZES)
    if tf.io.gfile.exists(written):
        with tf.io.gfile.GFile(written) as file:
            return json.load(file)
    # The base install has no TensorFlow Transform, and reads bundles.
    import tensorflow_transform as tft

    sizes = {}
    for table, graph in (
        (features.ITEM_FEATURES, sources.item_transform_graph),
        (features.BEHAVIOR_FEATURES, sources.transform_graph),
    ):
        output = tft.TFTransformOutput(graph)
        for feature in table:
            if feature.size < 0:
                size = output.vocabulary_size_by_name(feature.name)
                sizes[feature.name] = 1 + size
    return sizes


def write_sizes(sources: Sources, folder: pathlib.Path) -> None:
    """Writes `vocabulary_sizes` into a folder that stands for the graphs."""
    folder.mkdir()
    (folder / SIZES).write_text(
        json.dumps(vocabulary_sizes(sources)), encoding="utf-8"
    )


def mean_labels(examples, heads):
    """Returns the number of examples and each head's mean label, [heads]."""
    names = [features.label_name(head) for head in heads]
    everything = inputs.parsing_spec(heads)
    spec = {name: everything[name] for name in (*names, "weight")}
    count, labels, weights = 0, np.zeros(len(names)), 0.0
    for batch in examples.batch(PARSE_BATCH):
        found = tf.io.parse_example(batch, spec)
        weight = found["weight"].numpy()
        count += len(weight)
        weights += weight.sum()
        labels += [(found[name].numpy() * weight).sum() for name in names]
    return count, labels / max(weights, 1e-9)
