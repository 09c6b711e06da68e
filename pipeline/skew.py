"""Whether the servable sees a logged event as training saw it.

The same events go both ways: through Transform's examples and the trained
model, as the pipeline computes them, and as raw requests through the servable
that was pushed. What the model reads and what it answers must be the same.
"""

import dataclasses
import json
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)

import models  # noqa: F401  chooses Keras 2
from models import inputs
from models.requests import from_examples
from models.settings import ModelSettings
from pipeline.lineage import Lineage
from schema.errors import DataError

SPLIT = "train"
# Largest difference of a score that rounding explains.
TOLERANCE = 1e-5
_BATCH = 100
# What tells an event from others; of those that share it none is compared.
_KEY = {
    "user_id": tf.io.FixedLenFeature([], tf.string),
    "item_id": tf.io.FixedLenFeature([], tf.string),
    "timestamp": tf.io.FixedLenFeature([], tf.int64),
    "query": tf.io.FixedLenFeature([], tf.string),
}
_LONGEST = 10_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Events:
    """The same events twice, as serialised `tf.Example`s in the same order.

    Attributes:
      raw: Of `BehaviorLog`.
      transformed: Of Transform.
      item_ids: string, the item of each.
    """

    raw: np.ndarray
    transformed: np.ndarray
    item_ids: np.ndarray


def measure(lineage: Lineage, servable: pathlib.Path, number: int) -> dict:
    """Compares what the pipeline and the servable make of logged events.

    Args:
      lineage: What the servable was made of.
      servable: Its version folder.
      number: How many events, at most.

    Returns:
      `events`; `features`, for each how many events differ; `scores`, for
      each head the largest difference; and `same`, whether all features are
      equal and all scores within `TOLERANCE`.

    Raises:
      DataError: There are no examples of the run any more.
    """
    config = json.loads(lineage.trainer.settings["custom_config"])
    settings = ModelSettings.from_json(config["model_settings"])
    trained = tf.saved_model.load(str(lineage.model_dir))
    served = tf.saved_model.load(str(servable))
    events = _pair(
        lineage.servable.inputs["examples"],
        lineage.trainer.inputs["examples"],
        number,
    )
    differing: dict[str, int] = {}
    largest: dict[str, float] = {}
    spec = inputs.parsing_spec(())
    for start in range(0, len(events.raw), _BATCH):
        some = slice(start, start + _BATCH)
        raw = tf.constant(events.raw[some])
        request = from_examples(raw, _LONGEST)
        # What the trained model gets.
        parsed = tf.io.parse_example(events.transformed[some], spec)
        ours = inputs.request_inputs(parsed, settings, trained.lookup)
        ours |= ours.pop("context")
        theirs = served.model.features(request)
        for name, value in ours.items():
            differs = (value != theirs[name]).numpy().reshape(len(value), -1)
            count = int(differs.any(axis=1).sum())
            differing[name] = differing.get(name, 0) + count
        answer = served.signatures["rank"](
            **request, item_ids=tf.constant(events.item_ids[some, None])
        )
        for head, chance in trained.rank_examples(raw).items():
            apart = np.abs(answer[f"p_{head}"].numpy()[:, 0] - chance.numpy())
            largest[head] = max(largest.get(head, 0.0), float(apart.max()))
    return {
        "events": len(events.raw),
        "features": differing,
        "scores": largest,
        "same": not any(differing.values())
        and max(largest.values()) <= TOLERANCE,
    }


def _pair(raw: pathlib.Path, transformed: pathlib.Path, number: int) -> Events:
    """Finds each event of one folder in the other."""
    wanted = _by_key(_examples(raw), 4 * number)
    found = _by_key(_examples(transformed), None, wanted)
    keys = [key for key in wanted if wanted[key] and found.get(key)][:number]
    if not keys:
        raise DataError(
            f"no example of {raw} is in {transformed}, split {SPLIT}: they "
            "are not of the same run"
        )
    return Events(
        raw=np.array([wanted[key] for key in keys], object),
        transformed=np.array([found[key] for key in keys], object),
        item_ids=np.array([key[1] for key in keys], object),
    )


def _by_key(examples, most, among=None) -> dict[tuple, bytes | None]:
    """Returns examples by key; None where a key comes twice."""
    found: dict[tuple, bytes | None] = {}
    for batch in examples:
        parsed = tf.io.parse_example(batch, _KEY)
        columns = [parsed[name].numpy() for name in _KEY]
        for example, *key in zip(batch.numpy(), *columns, strict=True):
            name = tuple(key)
            if among is None or name in among:
                found[name] = None if name in found else example
        if most is not None and len(found) >= most:
            break
    return found


def _examples(folder):
    files = sorted(tf.io.gfile.glob(str(folder / f"Split-{SPLIT}" / "*")))
    if not files:
        raise DataError(f"{folder} has no examples of split {SPLIT} any more")
    return tf.data.TFRecordDataset(files, compression_type="GZIP").batch(1024)
