"""Loads the text encoder that a training goes with."""

import tensorflow as tf

from models.text.encoder_pair import EncoderPair
from models.text.hub import TextEncoder
from models.training.data import Sources
from schema.errors import DataError


def text_encoder(encoder: dict) -> tf.Module | None:
    """Loads what made the text vectors: one encoder, or one for each role.

    Args:
      encoder: What `encoder.json` says of it.

    Returns:
      None where there are no texts.
    """
    if not (encoder["dimension"] and encoder["encoder"]):
        return None
    items = _load_encoder(encoder)
    if "query" not in encoder:
        return items
    return EncoderPair(items, _load_encoder(encoder["query"]))


def trainable_encoder(encoder: dict, sources: Sources) -> tf.Module:
    """Loads what made the text vectors, to be trained.

    Raises:
      DataError: There are none.
    """
    loaded = text_encoder(encoder)
    if loaded is None:
        raise DataError(
            f"{sources.text_vectors} has no text vectors, so there is no text "
            "encoder to fine-tune; allowed: the mode frozen"
        )
    return loaded


def _load_encoder(named):
    return TextEncoder.load(
        named["preprocess"],
        named["encoder"],
        seq_length=named.get("seq_length", 0),
        pooling=named.get("pooling", ""),
    )
