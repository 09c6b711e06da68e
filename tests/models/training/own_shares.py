"""One of two workers that learn from examples of their own, as JSON.

`python -m tests.models.training.own_shares FILE…`, with `TF_CONFIG`: every
example is a number, the row of a table whose gradient is 1 wherever a row is
looked up. So the table ends at minus how often each number came, on any worker.
"""

import json
import sys

import tensorflow as tf

import models  # noqa: F401  chooses Keras 2
from models.settings import TrainingSettings
from models.training import data, strategies

NUMBERS, BATCH = 24, 8


def main(files: list[str]) -> None:
    """Learns one pass, and prints the table and what was read here."""
    settings = TrainingSettings(strategy="multi_worker", own_files=True)
    strategy = strategies.of(settings)
    worker, workers = strategies.worker_of(strategy)
    own = data.own_records(files, worker, workers, settings.files_side_by_side)
    numbers = own.map(lambda name: tf.strings.to_number(name, tf.int32))
    # As sequences of unlike length: what workers look up differs in shape.
    batches = numbers.batch(BATCH // workers, drop_remainder=True).map(
        lambda rows: tf.repeat(rows[:, tf.newaxis], worker + 1, axis=1)
    )
    dealt = strategies.deal(batches, strategy, own=True)
    with strategy.scope():
        table = tf.Variable(tf.zeros([NUMBERS, 2]))
        optimizer = tf.keras.optimizers.SGD(1.0)

    @tf.function
    def step(rows):
        with tf.GradientTape() as tape:
            found = tf.gather(table, rows) / (worker + 1.0)
            loss = tf.reduce_sum(found)
        gradient = tape.gradient(loss, table)
        assert isinstance(gradient, tf.IndexedSlices)
        optimizer.apply_gradients([(gradient, table)])

    for rows in dealt:
        strategy.run(step, args=(rows,))
    read = [int(number) for number in numbers.as_numpy_iterator()]
    print(json.dumps({"table": table.numpy().tolist(), "read": read}))


if __name__ == "__main__":
    main(sys.argv[1:])
