"""Memory and time of training the towers on a catalogue of any size.

The shop is made up: items without text in a few categories, users who choose
at random. What is learned is nothing; what is held in memory is what a shop of
that size needs. Each size is trained in a process of its own, whose peak is
read at the end.
"""

import dataclasses
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

from schema.errors import DaogouError

_USERS, _STEPS = 2048, 20
_NOW = 1_700_000_000
# Of transformed features with a vocabulary.
_WORDS = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What is measured.

    Attributes:
      items: Of the catalogue.
      dimension: Width of the vectors.
      text: Width of the items' text vectors; 0 for none.
      steps: That are timed, after one that compiles.
      table_megabytes: As in `TrainingSettings`.
      full_softmax: Whether the softmax is over all items; sampled otherwise.
      validate: Whether a validation comes after the steps.
    """

    items: int
    dimension: int = 64
    text: int = 0
    steps: int = 20
    table_megabytes: int = 1024
    full_softmax: bool = False
    validate: bool = True


def run(options: Options, extrapolate_to: int) -> dict:
    """Measures a size and a tenth of it, and computes a larger one.

    Args:
      options: Of the larger of the two that are measured.
      extrapolate_to: Items of the one that is computed: memory is a straight
        line through the two.

    Returns:
      `measured`, a row each; `bytes_per_item`; `computed`.
    """
    few = dataclasses.replace(options, items=max(1, options.items // 10))
    small, large = (_in_a_process(o) for o in (few, options))
    per_item = (large["peak_mb"] - small["peak_mb"]) * 1e6
    per_item /= options.items - few.items
    return {
        **dataclasses.asdict(options),
        "measured": [small, large],
        "bytes_per_item": round(per_item),
        "computed": {
            "items": extrapolate_to,
            "peak_mb": round(
                large["peak_mb"]
                + per_item * (extrapolate_to - options.items) / 1e6
            ),
        },
    }


def _in_a_process(options):
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.training_memory",
            json.dumps(dataclasses.asdict(options)),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parents[1],
    )
    if told.returncode:
        raise DaogouError(
            f"training on {options.items} items failed with status "
            f"{told.returncode}: {told.stderr[-500:]}"
        )
    return json.loads(told.stdout.splitlines()[-1])


def _peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measure(options: Options) -> dict:
    """Trains and validates once, in this process.

    Returns:
      `items`; megabytes of the process before the model, with it, after the
      steps and after a validation: `start_mb`, `model_mb`, `steps_mb`,
      `peak_mb`; of a step the median time and processor time, `step_ms` and
      `step_cpu_ms`; `validation_seconds`.
    """
    import numpy as np
    import tensorflow as tf

    import models  # noqa: F401  chooses Keras 2
    from models import features, inputs
    from models.item_table import IDS_FILE, ItemTable
    from models.recommender import Recommender
    from models.settings import ModelSettings, TrainingSettings
    from models.training import fitting

    start = _peak_mb()
    settings = ModelSettings(
        heads=("buy=buy",),
        positive_event_types=("buy",),
        max_history=_STEPS,
        dimension=options.dimension,
        neighbours=0,
    )
    training = TrainingSettings(
        full_softmax_items=options.items * options.full_softmax,
        table_megabytes=options.table_megabytes,
    )
    rng = np.random.default_rng(7)
    columns = {}
    for feature in features.ITEM_FEATURES:
        dtype = tf.as_dtype(feature.dtype).as_numpy_dtype
        shape = [options.items] + [features.MAX_TAGS] * feature.is_list
        if feature.size:
            size = feature.size if feature.size > 0 else _WORDS
            columns[feature.name] = rng.integers(0, size, shape).astype(dtype)
        elif feature.name != "item_id":
            columns[feature.name] = np.zeros(shape, dtype)
    columns["item_id"] = np.array(
        [b"item%09d" % n for n in range(options.items)], object
    )
    counts = np.ones(options.items, np.int64)
    with tempfile.TemporaryDirectory() as folder:
        table = ItemTable(
            columns,
            np.zeros([options.items, options.text], np.float32),
            os.path.join(folder, IDS_FILE),
        )
        del columns
        table.set_choices(counts)
        model = Recommender(
            settings,
            training,
            table,
            counts=counts,
            newest=_NOW,
            available_from=np.zeros(options.items, np.int64),
            sizes={
                feature.name: _WORDS
                for feature in (
                    *features.ITEM_FEATURES,
                    *features.BEHAVIOR_FEATURES,
                )
                if feature.size < 0
            },
            query_vectors=np.zeros([1, options.text], np.float32),
        )
        targets = rng.integers(0, options.items, [_USERS, _STEPS + 1], np.int32)
        ones = np.ones([_USERS, 1], np.int64)
        held_out = np.zeros(targets.shape, bool)
        held_out[: _USERS // 5, -1] = True
        sequences = tf.data.Dataset.from_tensor_slices(
            {
                "rows": targets[:, :-1],
                "types": np.ones_like(targets[:, :-1]),
                "gaps": np.ones_like(targets[:, :-1]),
                "context": {
                    **{f.name: 0 * ones for f in inputs.CONTEXT},
                    "recency": np.ones_like(targets),
                },
                "number": np.full(_USERS, _STEPS + 1, np.int32),
                "targets": targets,
                "target_times": np.full(targets.shape, _NOW, np.int64),
                "query_rows": np.zeros_like(targets),
                "train": ~held_out,
                "validation": held_out,
            }
        )
        built = _peak_mb()
        fitting._compile(model, training)
        batches = fitting._batches(
            sequences, _USERS, training.sequence_batch, training
        ).map(lambda batch: {"sequences": batch})
        fit = {"verbose": 0, "epochs": 1}
        model.fit(batches, steps_per_epoch=1, **fit)
        ends: list[tuple[float, float]] = []
        model.fit(
            batches,
            # One more: the time of the first holds the input's beginning.
            steps_per_epoch=options.steps + 1,
            callbacks=[
                tf.keras.callbacks.LambdaCallback(
                    on_train_batch_end=lambda batch, logs: ends.append(
                        (time.monotonic(), sum(os.times()[:2]))
                    )
                )
            ],
            **fit,
        )
        seconds, cpu = np.median(np.diff(ends, axis=0), axis=0)
        stepped = _peak_mb()
        began = time.monotonic()
        model.freeze_items()
        kept = model.get_weights()
        asked = sequences.take(_USERS // 5 * options.validate)
        for batch in asked.batch(training.sequence_batch):
            model.validation_ranks(batch)
        del kept
    return {
        "items": options.items,
        "start_mb": round(start),
        "model_mb": round(built),
        "steps_mb": round(stepped),
        "peak_mb": round(_peak_mb()),
        "step_ms": round(1000 * float(seconds), 1),
        "step_cpu_ms": round(1000 * float(cpu), 1),
        "validation_seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Options(**json.loads(sys.argv[1])))))
