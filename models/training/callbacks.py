"""What happens after an epoch: validation, a row, a checkpoint."""

import contextlib
import math
import time

import tensorflow as tf

from models.training.checkpoints import Standing, put


@contextlib.contextmanager
def averaged(model: tf.keras.Model):
    """Puts the moving average of the weights into a model, for a while."""
    if not model.optimizer.use_ema:
        yield
        return
    variables = model.trainable_variables
    last = [variable.numpy() for variable in variables]
    model.optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, last, strict=True):
            variable.assign(value)


class KeepBest(tf.keras.callbacks.Callback):
    """Validates, keeps the best weights, stops when it gets no better.

    Args:
      validate: Takes an epoch's logs and returns metrics of the model as it
        is; the one called `monitor` decides, the higher the better.
      monitor: Name of the deciding metric.
      every: Epochs between validations.
      patience: Validations without a better result before stopping.
      max_seconds: Wall time after which it stops; 0 for no limit.
      live_text: The text encoder, where it is trained too. Training then
        goes on from a model that is validated first.
      agree: Takes a number and returns the chief's, so that all workers stop
        at the same epoch.
    """

    def __init__(
        self,
        validate,
        monitor,
        every,
        patience,
        max_seconds,
        *,
        live_text=None,
        agree=float,
    ):
        super().__init__()
        self._validate, self._monitor = validate, monitor
        self._every, self._patience = every, patience
        self._deadline = time.monotonic() + (max_seconds or math.inf)
        self._best, self._weights, self._worse = -math.inf, None, 0
        self._live_text, self._encoder = live_text, None
        self._agree = agree

    def on_train_begin(self, logs=None):
        """Validates what training goes on from."""
        if self._live_text is not None:
            self._try({"loss": math.inf})

    def on_epoch_end(self, epoch, logs=None):
        """Validates every so many epochs."""
        late = bool(self._agree(time.monotonic() > self._deadline))
        if (epoch + 1) % self._every == 0 or late:
            with averaged(self.model):
                self._try(logs)
        if late or self._worse >= self._patience:
            self.model.stop_training = True

    def _try(self, logs):
        metrics = self._validate(logs)
        logs.update(metrics)
        found = self._agree(metrics[self._monitor])
        if found > self._best:
            self._best, self._worse = found, 0
            self._weights = self.model.get_weights()
            if self._live_text is not None:
                self._encoder = self._live_text.state()
        else:
            self._worse += 1

    def standing(self) -> dict:
        """Returns what a checkpoint keeps of it."""
        best = []
        if self._weights is not None:
            trained = {id(v) for v in self.model.trainable_variables}
            best = [
                value
                for variable, value in zip(
                    self.model.weights, self._weights, strict=True
                )
                if id(variable) in trained
            ]
        return {
            "best": best,
            "best_value": self._best,
            "worse": self._worse,
        }

    def resume(self, standing: Standing) -> None:
        """Takes back what a checkpoint kept; before the weights."""
        self._best, self._worse = standing.best_value, standing.worse
        if standing.best:
            put(self.model.trainable_variables, standing.best)
            self._weights = self.model.get_weights()

    def on_train_end(self, logs=None):
        """Puts the best weights back."""
        if self._weights is not None:
            self.model.set_weights(self._weights)
        if self._encoder is not None:
            self._live_text.restore(self._encoder)


class Record(tf.keras.callbacks.Callback):
    """Keeps every epoch's logs, with the seconds it took, in `rows`."""

    def __init__(self):
        super().__init__()
        self.rows, self._started = [], 0.0

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Adds a row."""
        row = {name: float(value) for name, value in logs.items()}
        seconds = round(time.monotonic() - self._started, 3)
        self.rows.append({"epoch": epoch + 1, **row, "seconds": seconds})


class Save(tf.keras.callbacks.Callback):
    """Writes checkpoints of a stage; comes after what they keep.

    Args:
      checkpoints: Where they go, and how often.
      stage: Its name.
      keep_best: Of the stage.
      record: Of the stage.
      steps: Batches an epoch.
    """

    def __init__(self, checkpoints, stage, keep_best, record, steps):
        super().__init__()
        self._checkpoints, self._stage = checkpoints, stage
        self._keep_best, self._record = keep_best, record
        self._steps = steps

    def on_epoch_end(self, epoch, logs=None):
        """Writes one every so many epochs."""
        if self._checkpoints.is_due(len(self._record.rows)):
            self._write(finished=False)

    def on_train_end(self, logs=None):
        """Writes what the stage ends with."""
        if self._checkpoints.every:
            self._write(finished=True)

    def _write(self, finished):
        values = [
            [variable.numpy() for variable in variables]
            for variables in (
                self.model.trainable_variables,
                self.model.optimizer.variables,
            )
        ]
        self._checkpoints.write(
            self._stage,
            Standing(
                weights=values[0],
                optimizer=values[1],
                batches=len(self._record.rows) * self._steps,
                rows=self._record.rows,
                finished=finished,
                **self._keep_best.standing(),
            ),
        )
