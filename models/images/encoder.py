"""Pictures to vectors through any encoder with TF-Hub's image interface."""

import os
import pathlib
import typing

import numpy as np
import tensorflow as tf

from models.hub_models import fetched, full_handle
from schema.errors import DataError, MissingDependencyError

# Side of a picture, in pixels, where an encoder takes any.
DEFAULT_SIZE = 224
# Of encoders that cannot be called as they are: hubs' older format.
_SIGNATURES = ("image_feature_vector", "default", "serving_default")


class ImageEncoder:
    """An image encoder; pixels in, vectors out.

    As TF-Hub's collection has it for image feature vectors: the model takes
    float32 [batch, height, width, 3], RGB from 0 to 1, and gives float32
    [batch, features] (https://www.tensorflow.org/hub/common_saved_model_apis/images).

    Attributes:
      height: Of the pictures that it takes, in pixels.
      width: Of the pictures that it takes.
    """

    def __init__(self, handle: str, size: int = 0):
        """Loads an encoder.

        Args:
          handle: A SavedModel's folder or a hub handle, full or short.
          size: Side of pictures where the encoder takes any; 0 for 224.

        Raises:
          DataError: It is no image encoder, or takes another size.
          MissingDependencyError: It is not there, or the hub cannot be
            reached.
        """
        self._handle = handle
        # What is loaded lives as long as the object does.
        self._model: typing.Any = tf.saved_model.load(_folder(handle))
        self._encode, spec = _function(self._model, handle)
        sides = (spec.shape[1], spec.shape[2])
        if size and any(side not in (None, size) for side in sides):
            raise DataError(
                f"{handle} takes pictures of {sides[0]} × {sides[1]}; allowed: "
                f"that size, and not {size}"
            )
        self.height, self.width = (
            side or size or DEFAULT_SIZE for side in sides
        )

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Encodes pictures.

        Args:
          pictures: float32 [batch, height, width, 3], from 0 to 1.

        Returns:
          float32 [batch, features].

        Raises:
          DataError: The encoder gives something else.
        """
        found = self._encode(tf.constant(pictures, tf.float32))
        if isinstance(found, dict):
            found = found.get("default", next(iter(found.values())))
        if not tf.is_tensor(found) or found.shape.rank != 2:
            shape = getattr(found, "shape", type(found).__name__)
            raise DataError(
                f"{self._handle} gives {shape}; allowed: an encoder that gives "
                "a vector a picture, [batch, features]"
            )
        return tf.cast(found, tf.float32).numpy()


def _folder(handle: str) -> str:
    full = full_handle(handle)
    if "://" in full:
        return str(fetched(full))
    if not tf.saved_model.contains_saved_model(full):
        raise MissingDependencyError(
            f"no image encoder at {pathlib.Path(full)}: a SavedModel folder or "
            "a TF-Hub handle is needed"
        )
    return os.path.abspath(full)


def _function(model, handle):
    """Returns what encodes pictures, and the spec of what it takes."""
    candidates = []
    if callable(model):
        functions = getattr(model.__call__, "concrete_functions", ())
        candidates += [(model, function) for function in functions]
    signatures = getattr(model, "signatures", {})
    candidates += [
        (signatures[name], signatures[name])
        for name in _SIGNATURES
        if name in signatures
    ]
    for call, function in candidates:
        specs = [
            spec
            for spec in tf.nest.flatten(function.structured_input_signature)
            if isinstance(spec, tf.TensorSpec)
        ]
        if len(specs) == 1 and _is_picture(specs[0]):
            return _named(call, specs[0].name, call is not model), specs[0]
    raise DataError(
        f"{handle} is no image encoder; allowed: a model that takes float "
        "pictures [batch, height, width, 3], as TF-Hub's image feature vectors "
        "do"
    )


def _named(call, name, is_signature):
    """Returns a signature, which takes its input by name, as a function."""
    return (lambda pixels: call(**{name: pixels})) if is_signature else call


def _is_picture(spec) -> bool:
    return (
        spec.shape.rank == 4
        and spec.shape[3] in (3, None)
        and spec.dtype.is_floating
    )
