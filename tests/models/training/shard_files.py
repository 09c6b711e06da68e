"""Examples in as many files as a cluster's Transform would write."""

import dataclasses
import pathlib

import tensorflow as tf

from models.training import data


def write(
    folder: pathlib.Path,
    examples: list[bytes],
    number: int,
    split: str = "train",
) -> list[str]:
    """Cuts examples into files, as Transform names them; returns those."""
    place = folder / f"Split-{split}"
    place.mkdir(parents=True)
    for shard in range(number):
        name = f"transformed_examples-{shard:05}-of-{number:05}.gz"
        with tf.io.TFRecordWriter(str(place / name), "GZIP") as writer:
            for example in examples[shard::number]:
                writer.write(example)
    return data.split_files(str(folder), split)


def read(dataset: tf.data.Dataset) -> list[bytes]:
    """Reads all there is."""
    return list(dataset.as_numpy_iterator())


def in_files(
    sources: data.Sources, folder: pathlib.Path, number: int
) -> data.Sources:
    """Returns the same sources, their behaviour in so many files a split."""
    for split in ("train", "sequence_train"):
        files = data.split_files(sources.examples, split)
        write(folder, read(data.records(files)), number, split)
    return dataclasses.replace(sources, examples=str(folder))
