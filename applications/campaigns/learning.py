"""Learns from the views before the split, and says how likely others are."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from applications.campaigns.settings import CampaignSettings
from models.campaigns import scorer
from models.campaigns.features import HEADS
from schema.errors import DataError

_LEAST_GAIN = 1e-5
_LOSS = tf.keras.losses.BinaryCrossentropy()
# Fewer say nothing.
_LEAST_VIEWS = 30


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What training made.

    Attributes:
      scorer: The network.
      about: `views`, `took_part` by head, `penalty`, `epochs` and
        `validation_loss`.
    """

    scorer: tf.keras.Model
    about: dict[str, typing.Any]

    def chances(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns float32 [..., heads]."""
        return scorer.chances(self.scorer, tf.constant(features)).numpy()


def fit(
    features: NDArray[np.float32],
    took_part: NDArray[np.bool_],
    users: NDArray[np.int64],
    settings: CampaignSettings,
) -> Fitted:
    """Trains a network with the penalty that cross-validation finds best.

    Users are held out in turn and tell which penalty is best and after how
    many passes; what is kept has then learned from all.

    Args:
      features: float32 [n, features], one row a view.
      took_part: bool [n, heads].
      users: int64 [n].
      settings: How.

    Raises:
      DataError: There are too few views, or nobody took part.
    """
    if len(users) < _LEAST_VIEWS or not took_part.any():
        raise DataError(
            f"{len(users)} views of campaigns are before the split, of which "
            f"{int(took_part.any(1).sum())} took part; needed: at least "
            f"{_LEAST_VIEWS}, and one who took part"
        )
    distinct, user = np.unique(users, return_inverse=True)
    rng = np.random.default_rng(settings.seed)
    fold = (rng.permutation(len(distinct)) % settings.folds)[user]
    found = []
    for penalty in settings.penalties:
        losses, epochs = [], []
        for held in range(min(settings.folds, len(distinct))):
            rest = fold != held
            told = (features[~rest], took_part[~rest])
            run = _Training(
                (features[rest], took_part[rest]), penalty, settings
            )
            loss, passes = run.until_best(told, settings)
            losses.append(loss * len(told[0]))
            epochs.append(passes)
        found.append((sum(losses) / len(users), penalty, epochs))
    loss, penalty, epochs = min(found)
    passes = int(np.median(epochs))
    run = _Training((features, took_part), penalty, settings)
    for _ in range(passes):
        run.step()
    return Fitted(
        run.network,
        {
            "views": len(users),
            "took_part": dict(
                zip(HEADS, took_part.sum(0).tolist(), strict=True)
            ),
            "penalty": penalty,
            "epochs": passes,
            "validation_loss": loss,
        },
    )


class _Training:
    """A network and the step that makes it better."""

    def __init__(self, learned, penalty, settings):
        tf.keras.utils.set_random_seed(settings.seed)
        features, labels = (tf.constant(part, tf.float32) for part in learned)
        network = scorer.build_scorer(learned[0], settings.hidden, penalty)
        optimizer = tf.keras.optimizers.Adam(settings.learning_rate)

        @tf.function(autograph=False)
        def step():
            with tf.GradientTape() as tape:
                loss = _LOSS(labels, network(features, training=True))
                loss += tf.add_n(network.losses)
            variables = network.trainable_variables
            gradients = tape.gradient(loss, variables)
            optimizer.apply_gradients(zip(gradients, variables, strict=True))

        self.network = network
        self.step = step

    def until_best(self, told, settings) -> tuple[float, int]:
        """Returns the least loss of what is told, and after which pass."""
        asked, truth = (tf.constant(part, tf.float32) for part in told)

        @tf.function(autograph=False)
        def loss_of_told():
            return _LOSS(truth, self.network(asked))

        best, at, epoch = np.inf, 1, 0
        while epoch < settings.max_epochs and epoch - at < settings.patience:
            self.step()
            epoch += 1
            loss = float(loss_of_told())
            if loss < best - _LEAST_GAIN:
                best, at = loss, epoch
        return best, at
