"""A train step on several devices, in 16 bits, or for a compiler."""

import typing

import tensorflow as tf

from models import replicas

if typing.TYPE_CHECKING:
    from models.recommender import Recommender


def is_plain(model: "Recommender") -> bool:
    """Whether TFRS's own step does: one device, no scaling, any shape."""
    return (
        replicas.number() == 1
        and not model.training_settings.fixed_shapes
        and not _scales(model.optimizer)
    )


def take(model: "Recommender", inputs: dict[str, dict]) -> dict[str, tf.Tensor]:
    """Takes a step on a replica's part of a batch.

    The loss of a part is its share of the loss of the batch, so gradients are
    summed over the replicas, which the optimiser does before it cuts them.

    Args:
      model: Compiled.
      inputs: As for `Recommender.compute_loss`.

    Returns:
      The metrics, as TFRS's step returns them, of the whole batch.
    """
    optimizer = model.optimizer
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, training=True)
        regularization = tf.add_n([0.0, *model.losses]) / replicas.number()
        together = loss + regularization
        if _scales(optimizer):
            together = optimizer.get_scaled_loss(together)
    # Not before: the first loss of all makes them.
    weights = model.trainable_variables
    gradients = tape.gradient(together, weights)
    if _scales(optimizer):
        gradients = optimizer.get_unscaled_gradients(gradients)
    if model.training_settings.fixed_shapes:
        # The optimiser would look for distinct rows, whose number varies.
        gradients = [
            tf.convert_to_tensor(gradient)
            if isinstance(gradient, tf.IndexedSlices)
            else gradient
            for gradient in gradients
        ]
    optimizer.apply_gradients(zip(gradients, weights, strict=True))
    loss, regularization = map(replicas.total, (loss, regularization))
    return {
        **{metric.name: metric.result() for metric in model.metrics},
        "loss": loss,
        "regularization_loss": regularization,
        "total_loss": loss + regularization,
    }


def _scales(optimizer) -> bool:
    """Whether the optimiser wants the loss scaled, as float16 does."""
    return isinstance(optimizer, tf.keras.mixed_precision.LossScaleOptimizer)
