"""The part of an encoder that is trained, and its optimiser.

Works on any SavedModel with trainable variables, whose graph stays as it is:
adapters need no change of it, because the gradient of a low-rank sum follows
from the gradient of the whole matrix.
"""

import dataclasses
import json
import math
import pathlib
import shutil

import numpy as np
import tensorflow as tf

from models.text.encoder_pair import EncoderPair
from models.text.fine_tuning.settings import ADAPTERS, ALL, FineTuningSettings
from models.text.fine_tuning.variables import (
    NO_LAYER,
    NamedVariable,
    trainable_variables,
)
from models.text.hub import TextEncoder
from models.text.resolve import (
    DESCRIPTION_PATH,
    ROLES,
    Description,
    EncoderPaths,
)
from models.training.schedule import WarmupCosine
from schema.errors import DataError


class Adapter:
    """A matrix as its start plus a product of two thin ones.

    Kernels with more axes, as those of attention heads may have, count as
    the matrix that is nearest to a square.

    Args:
      weight: The encoder's variable, two axes or more; `merge` writes the
        sum into it.
      rank: Columns of the first thin matrix, rows of the second.
      seed: Of the first; the second starts at zero, so that nothing changes
        at first.
    """

    def __init__(self, weight: tf.Variable, rank: int, seed: int):
        rows, columns = _nearest_to_square(weight.shape)
        draw = np.random.default_rng(seed).normal(0, rows**-0.5, (rows, rank))
        self.weight = weight
        self.start = tf.constant(weight.numpy())
        self.down = tf.Variable(draw, dtype=tf.float32, name="down")
        self.up = tf.Variable(tf.zeros([rank, columns]), name="up")

    def gradients(self, of_weight: tf.Tensor) -> list[tf.Tensor]:
        """Returns those of `down` and `up`, given that of the matrix."""
        whole = tf.reshape(of_weight, [self.down.shape[0], self.up.shape[1]])
        return [
            tf.matmul(whole, self.up, transpose_b=True),
            tf.matmul(self.down, whole, transpose_a=True),
        ]

    def merge(self) -> None:
        """Writes the sum into the encoder's matrix."""
        product = tf.matmul(self.down, self.up)
        self.weight.assign(self.start + tf.reshape(product, self.weight.shape))


def _nearest_to_square(shape) -> tuple[int, int]:
    """Joins axes into two.

    >>> _nearest_to_square([12, 64, 768]), _nearest_to_square([3, 4])
    ((768, 768), (3, 4))
    """
    cuts = [
        (math.prod(shape[:cut]), math.prod(shape[cut:]))
        for cut in range(1, len(shape))
    ]
    return min(cuts, key=sum)


class FineTuning:
    """Trains what the settings choose of one encoder, or of a pair.

    Args:
      encoder: Of items and queries; changed in place.
      settings: What of it, and how; not `frozen`.
      seed: Of adapters.

    Raises:
      DataError: The encoder has nothing that can be trained so.

    Attributes:
      encoder: As given.
      watched: The encoder's variables whose gradients `apply` takes.
      trained: The variables that the optimiser changes: `watched`, or the
        adapters'.
    """

    def __init__(
        self,
        encoder: TextEncoder | EncoderPair,
        settings: FineTuningSettings,
        seed: int,
    ):
        self.encoder = encoder
        self.watched: list[tf.Variable] = []
        for one in _distinct(encoder):
            self.watched += _choose(one, settings)
        self._adapters = [
            Adapter(weight, settings.adapter_rank, seed + number)
            for number, weight in enumerate(self.watched)
            if settings.mode == ADAPTERS
        ]
        self.trained = self.watched
        if self._adapters:
            self.trained = [v for a in self._adapters for v in (a.down, a.up)]
        self._optimizer = tf.keras.optimizers.AdamW(
            WarmupCosine(
                settings.peak, settings.warmup_steps, settings.decay_steps
            ),
            weight_decay=settings.weight_decay,
            global_clipnorm=settings.clip_norm,
        )
        self._optimizer.exclude_from_weight_decay(
            var_list=[v for v in self.trained if v.shape.rank < 2]
        )
        self._optimizer.build(self.trained)

    def encode(self, texts: tf.Tensor, role: str) -> tf.Tensor:
        """Encodes texts with a gradient, float32 [batch, dimension]."""
        # An encoder need not take a batch without a row.
        texts = tf.concat([texts, [""]], 0)
        return _of_role(self.encoder, role)(texts, role=role)[:-1]

    def encoder_of(self, role: str) -> TextEncoder:
        """Returns the one that encodes `item` or `query`."""
        return _of_role(self.encoder, role)

    def apply(self, gradients: list[tf.Tensor | None]) -> None:
        """Takes one step.

        Args:
          gradients: Of `watched`, in its order; None counts as zero.
        """
        dense = [
            tf.zeros_like(variable)
            if gradient is None
            else tf.convert_to_tensor(gradient)
            for gradient, variable in zip(gradients, self.watched, strict=True)
        ]
        if self._adapters:
            pairs = zip(self._adapters, dense, strict=True)
            dense = [part for a, whole in pairs for part in a.gradients(whole)]
        self._optimizer.apply_gradients(zip(dense, self.trained, strict=True))
        for adapter in self._adapters:
            adapter.merge()

    def num_trained(self) -> int:
        """Counts the numbers that are trained."""
        return sum(math.prod(variable.shape) for variable in self.trained)

    def state(self) -> list[np.ndarray]:
        """Copies what is trained, for `restore`."""
        return [variable.numpy() for variable in self.trained]

    def restore(self, state: list[np.ndarray]) -> None:
        """Puts back what `state` gave."""
        for variable, value in zip(self.trained, state, strict=True):
            variable.assign(value)
        for adapter in self._adapters:
            adapter.merge()

    def export(self, folder: pathlib.Path) -> None:
        """Writes the encoder with TF-Hub's interface, adapters merged in.

        Args:
          folder: Gets `preprocess` and `encoder`; where queries have an
            encoder of their own, `item` and `query` get them.
        """
        encoders = _distinct(self.encoder)
        if len(encoders) == 1:
            _export(encoders[0], folder, teacher="")
            return
        teacher = ""
        for role, encoder in zip(ROLES, encoders, strict=True):
            made = _export(encoder, folder / role, teacher)
            # Items and queries still share a space, if not the one they had.
            teacher = made.digest()


def _export(
    encoder: TextEncoder, folder: pathlib.Path, teacher: str
) -> EncoderPaths:
    made = EncoderPaths(
        preprocess=folder / "preprocess", encoder=folder / "encoder"
    )
    shutil.copytree(encoder.paths.preprocess, made.preprocess)
    loaded = encoder.model
    tf.saved_model.save(
        loaded,
        str(made.encoder),
        signatures=getattr(loaded, "signatures", None),
    )
    about = dataclasses.replace(
        Description.read(encoder.paths.encoder),
        dimension=encoder.dimension,
        seq_length=encoder.seq_length,
        pooling=encoder.pooling,
        teacher=teacher,
    )
    path = made.encoder / DESCRIPTION_PATH
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        json.dumps(dataclasses.asdict(about), ensure_ascii=False, indent=1)
        + "\n",
        encoding="utf-8",
    )
    return made


def _of_role(encoder, role) -> TextEncoder:
    if isinstance(encoder, EncoderPair):
        return encoder.items if role == "item" else encoder.queries
    return encoder


def _distinct(encoder) -> list[TextEncoder]:
    if isinstance(encoder, EncoderPair):
        return [encoder.items, encoder.queries]
    return [encoder]


def _choose(
    encoder: TextEncoder, settings: FineTuningSettings
) -> list[tf.Variable]:
    named = trainable_variables(encoder.model)
    chosen = _in_layers(named, settings) if settings.mode != ALL else named
    if settings.mode == ADAPTERS:
        chosen = [one for one in chosen if one.variable.shape.rank >= 2]
    if not chosen:
        names = ", ".join(one.name for one in named[:5])
        raise DataError(
            f"the encoder {encoder.paths.encoder} has nothing that the mode "
            f"{settings.mode!r} trains: matrices of numbered layers for "
            f"adapters, numbered layers for top; its trainable variables are "
            f"{f'{names}, …' if names else 'none'}"
        )
    return [one.variable for one in chosen]


def _in_layers(
    named: list[NamedVariable], settings: FineTuningSettings
) -> list[NamedVariable]:
    layered = [one for one in named if one.layer != NO_LAYER]
    if not layered or not settings.top_layers:
        return layered
    lowest = max(one.layer for one in layered) + 1 - settings.top_layers
    return [one for one in layered if one.layer >= lowest]
