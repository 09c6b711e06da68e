"""Stages of text: many texts, and long ones."""

import pathlib

import numpy as np
import tensorflow as tf

from benchmarks.scaling.measuring import Work
from datasets.mall.catalogue import build_catalogue
from datasets.mall.settings import MallSettings
from models.text.batching import pack
from models.text.hub import TextEncoder
from models.text.settings import E5_SMALL_ZH, TextSettings

LONG = 32
_ROLE = "item"


def titles(count: int, folder: pathlib.Path) -> Work:
    """Encodes so many titles of the simulated mall."""
    del folder
    return _encoding(_titles(count))


def lengths(characters: int, folder: pathlib.Path) -> Work:
    """Encodes `LONG` texts of so many characters each."""
    del folder
    text = "".join(_titles(LONG * characters // 8))
    return _encoding(
        [text[n * characters : (n + 1) * characters] for n in range(LONG)]
    )


def _titles(count):
    shop = build_catalogue(MallSettings(num_items=max(1000, 2 * count)))
    rows = np.random.default_rng(3).permutation(len(shop.titles))[:count]
    return [shop.titles[row] for row in rows]


def _encoding(texts):
    settings = TextSettings(preprocess=E5_SMALL_ZH, encoder=E5_SMALL_ZH)
    encoder = TextEncoder.from_settings(settings)
    counts = encoder.token_counts(tf.constant(texts), _ROLE).numpy()
    encoder(tf.constant(texts[:1]), role=_ROLE)

    def run():
        for rows in pack(counts, settings.batch_tokens):
            chosen = tf.constant([texts[row] for row in rows])
            encoder(chosen, role=_ROLE).numpy()
        return {"tokens": float(counts.sum())}

    return Work(run=run)
