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
# Fewer say nothing.
_LEAST_VIEWS = 30


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What training made.

    Attributes:
      scorer: The network of the best pass.
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
    """Trains a network for each penalty, and keeps the best.

    Users held out tell which is best and when to stop.

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
    held = (rng.random(len(distinct)) < settings.validation_share)[user]
    if held.all() or not held.any():
        held = np.zeros(len(users), bool)
    told = held if held.any() else ~held
    tried = [
        _train(
            (features[~held], took_part[~held]),
            (features[told], took_part[told]),
            penalty,
            settings,
        )
        for penalty in settings.penalties
    ]
    best = min(tried, key=lambda one: one.about["validation_loss"])
    return dataclasses.replace(
        best,
        about={
            "views": len(users),
            "took_part": dict(
                zip(HEADS, took_part.sum(0).tolist(), strict=True)
            ),
            **best.about,
        },
    )


def _train(learned, told, penalty, settings) -> Fitted:
    tf.keras.utils.set_random_seed(settings.seed)
    features, labels = (tf.constant(part, tf.float32) for part in learned)
    asked, truth = (tf.constant(part, tf.float32) for part in told)
    network = scorer.build_scorer(learned[0], settings.hidden, penalty)
    optimizer = tf.keras.optimizers.Adam(settings.learning_rate)
    losses = tf.keras.losses.BinaryCrossentropy()

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = losses(labels, network(features, training=True))
            loss += tf.add_n(network.losses)
        variables = network.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return losses(truth, network(asked))

    best, weights, waited, epochs = np.inf, network.get_weights(), 0, 0
    while epochs < settings.max_epochs and waited < settings.patience:
        loss = float(step())
        epochs += 1
        if loss < best - _LEAST_GAIN:
            best, weights, waited = loss, network.get_weights(), 0
        else:
            waited += 1
    network.set_weights(weights)
    return Fitted(
        network,
        {"penalty": penalty, "epochs": epochs, "validation_loss": best},
    )
