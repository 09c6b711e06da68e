"""The towers learn from the latest targets, when the heads are trained."""

import dataclasses
import typing
from collections.abc import Callable

import tensorflow as tf

from models.recommender import Recommender
from models.settings import TrainingSettings
from models.training import fitting
from models.training.checkpoints import NONE, Checkpoints
from models.training.schedule import WarmupCosine

# Of the learning rate, where training goes on.
_SLOWER = 0.3


@dataclasses.dataclass(frozen=True)
class TowerStep:
    """What trains the towers, kept while the heads are trained.

    To trace a step anew takes longer than many of its epochs.

    Attributes:
      optimizer: With its moments and its place in the schedule.
      schedule: The optimizer's.
      function: The traced step.
    """

    optimizer: tf.keras.optimizers.Optimizer
    schedule: WarmupCosine
    function: Callable

    @classmethod
    def of(cls, model: Recommender) -> typing.Self:
        """Takes it from a model whose towers have been trained."""
        return cls(model.optimizer, model.schedule, model.train_function)

    def put_back(self, model: Recommender) -> None:
        """Gives it back to the model, which learns more slowly now."""
        self.schedule.factor.assign(_SLOWER)
        # Keras trains what was trainable when it was compiled last.
        model.compile(
            optimizer=self.optimizer,
            jit_compile=model.training_settings.jit_compile,
        )
        model.train_function = self.function


def catch_up(
    model: Recommender,
    sequences: tf.data.Dataset,
    settings: TrainingSettings,
    log_dir: str,
    *,
    first: int,
    step: TowerStep | None,
    checkpoints: Checkpoints = NONE,
    own: tf.data.Dataset | None = None,
) -> list[dict]:
    """Goes on with towers that have not learned from the latest targets.

    Args:
      model: Trained on the earlier ones.
      sequences: With all targets; as for `fitting.fit_retrieval`.
      settings: Of the training.
      log_dir: For TensorBoard.
      first: Epochs that the towers have been trained for already.
      step: Of those epochs; a new one without.
      checkpoints: As for `fitting.fit_retrieval`.
      own: As for `fitting.fit_retrieval`.

    Returns:
      A row an epoch, as `fitting.fit_retrieval`.
    """
    further = dataclasses.replace(
        settings,
        max_epochs=settings.catch_up_epochs,
        learning_rate=settings.learning_rate * (1 if step else _SLOWER),
        validate_every=1,
        spectral_start=False,
    )
    return fitting.fit_retrieval(
        model,
        sequences,
        further,
        log_dir,
        first=first,
        step=step,
        checkpoints=checkpoints,
        own=own,
    )
