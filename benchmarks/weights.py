"""The weights of a built encoder, for a peer to compute the same with."""

import numpy as np
import tensorflow as tf

from benchmarks.matmul import Network
from models.text.e5_weights import Q4Matrix
from models.text.hub import TextEncoder
from schema.errors import DataError


def model_of(encoder: TextEncoder):
    """Loads the variables of an encoder that `export_encoder` wrote.

    Raises:
      DataError: It is of another make.
    """
    loaded = tf.saved_model.load(str(encoder.paths.encoder))
    if not hasattr(getattr(loaded, "model", None), "word_embedding"):
        raise DataError(
            f"{encoder.paths.encoder} is not an encoder that Daogou wrote, "
            "so its weights cannot be given to a peer"
        )
    return loaded.model


def network_of(model) -> Network:
    """Reads an encoder's sizes off its kernels."""
    hidden, wide = model.layers[0].widen.kernel.shape
    return Network(layers=len(model.layers), hidden=hidden, feed_forward=wide)


def weights_of(model) -> dict[str, np.ndarray]:
    """Collects float32 weights under the names that the peer expects."""
    words = model.word_embedding
    weights = {
        "words": Q4Matrix(
            nibbles=words.nibbles.numpy(), scales=words.scales.numpy()
        ).dequantise()
        if hasattr(words, "nibbles")
        else words.table.numpy(),
        "positions": model.positions.numpy(),
        "type": model.types.numpy()[0],
    }
    parts = {"embedding_norm": model.embedding_norm}
    for number, layer in enumerate(model.layers):
        for name in ("qkv", "attention", "widen", "narrow"):
            parts[f"layer{number}.{name}"] = getattr(layer, name)
        for name in ("attention_norm", "output_norm"):
            parts[f"layer{number}.{name}"] = getattr(layer, name)
    for name, part in parts.items():
        for kind in ("kernel", "bias", "scale", "offset"):
            if hasattr(part, kind):
                weights[f"{name}.{kind}"] = getattr(part, kind).numpy()
    return weights
