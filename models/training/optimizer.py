"""The optimiser of towers and heads."""

import tensorflow as tf


class AdamW(tf.keras.optimizers.AdamW):
    """Keras's, with gradients cut to a norm that is that of their sum.

    Keras cuts them first and then adds up the rows of a sparse gradient that
    come more than once. The norm of the parts is not that of the sum, and
    devices that take a step together bring every row of the catalogue as often
    as there are devices: they would learn at another rate than one does.
    """

    def _clip_gradients(self, grads):
        return super()._clip_gradients(self._deduplicate_sparse_grad(grads))
