"""An image encoder as TF-Hub's collection has them, small enough for tests."""

import pathlib

import numpy as np
import tensorflow as tf


class MeanColours(tf.Module):
    """Gives the mean colour of the upper and of the lower half, 6 numbers."""

    def __init__(self, side: int | None):
        super().__init__()
        self.scale = tf.Variable(np.ones(6, np.float32))
        spec = tf.TensorSpec([None, side, side, 3], tf.float32, name="inputs")

        @tf.function(input_signature=[spec])
        def encode(inputs):
            half = tf.shape(inputs)[1] // 2
            upper = tf.reduce_mean(inputs[:, :half], [1, 2])
            lower = tf.reduce_mean(inputs[:, half:], [1, 2])
            return tf.concat([upper, lower], 1) * self.scale

        self.encode = encode

    @tf.function
    def __call__(self, inputs):
        return self.encode(inputs)


def write_encoder(folder: pathlib.Path, side: int | None = 8) -> pathlib.Path:
    """Writes one that is called with pictures, as TF2's SavedModels are."""
    model = MeanColours(side)
    pixels = tf.TensorSpec([None, side, side, 3], tf.float32, name="inputs")
    model.__call__.get_concrete_function(pixels)
    tf.saved_model.save(model, str(folder))
    return folder


def write_signature(folder: pathlib.Path, side: int = 8) -> pathlib.Path:
    """Writes one that has nothing but a signature, as older ones do."""
    model = MeanColours(side)
    holder = tf.Module()
    holder.model = model.encode
    holder.scale = model.scale
    spec = tf.TensorSpec([None, side, side, 3], tf.float32, name="images")
    signature = tf.function(
        lambda images: {"default": model.encode(images)}, input_signature=[spec]
    )
    tf.saved_model.save(
        holder, str(folder), signatures={"image_feature_vector": signature}
    )
    return folder


def write_picture(path: pathlib.Path, upper, lower, side: int = 16) -> None:
    """Writes a picture with two halves of a colour, 0 to 255, by its ending."""
    pixels = np.zeros([side, side, 3], np.uint8)
    pixels[: side // 2], pixels[side // 2 :] = upper, lower
    encode = tf.io.encode_png if path.suffix == ".png" else tf.io.encode_jpeg
    path.write_bytes(encode(pixels).numpy())
