"""The learning rate over the steps of a training."""

import math

import tensorflow as tf


class WarmupCosine(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to the peak, then falls along a cosine to a tenth.

    Args:
      peak: Highest learning rate.
      warmup_steps: Steps to it.
      decay_steps: Steps from it to a tenth of it.

    Attributes:
      factor: Variable float32 [], on all of it, for a training that goes on.
    """

    def __init__(self, peak: float, warmup_steps: int, decay_steps: int):
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.decay_steps = decay_steps
        self.factor = tf.Variable(1.0, trainable=False, name="factor")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, a float32 scalar."""
        step = tf.cast(step, tf.float32)
        rise = (step + 1) / (self.warmup_steps + 1)
        done = (step - self.warmup_steps) / self.decay_steps
        done = tf.clip_by_value(done, 0.0, 1.0)
        fall = 0.55 + 0.45 * tf.cos(math.pi * done)
        return self.factor * self.peak * tf.minimum(rise, fall)

    def get_config(self) -> dict:
        """Returns the arguments."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "decay_steps": self.decay_steps,
        }
