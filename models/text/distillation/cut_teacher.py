"""A student that starts as a part of its teacher.

It has the teacher's tokenizer, its word embedding and some of its layers, so
that it knows words before it has seen a text (after Sanh et al. 2019,
https://arxiv.org/abs/1910.01108, which keeps every other layer). A word
embedding that is packed stays as it is: it is the teacher's, and training
does not pay for it.
"""

import functools
import pathlib
import shutil

import numpy as np
import tensorflow as tf

from models.text.bert import (
    POOLER,
    BertEncoder,
    DenseEmbedding,
    LayerWeights,
    Outline,
    PackedEmbedding,
)
from models.text.distillation.start import Start
from models.text.e5_weights import Q4Matrix
from models.text.hub import TextEncoder
from models.text.tfhub_export import SpecialTokens
from schema.errors import DataError


def cut_teacher(teacher: TextEncoder, layers: int) -> Start:
    """Makes a student of the first layer of a teacher, its last, and some.

    Args:
      teacher: One that `daogou encoder build` or `import` made.
      layers: How many, spread evenly; one is the first.

    Raises:
      DataError: The teacher's network is not known, has fewer layers, or its
        vectors do not have length 1.
    """
    outline = _outline(teacher)
    network = teacher.model.model
    if layers > len(network.layers):
        raise DataError(
            f"{layers} layers of {teacher.paths.encoder} are asked for; "
            f"allowed: 1 to {len(network.layers)}"
        )
    projection = getattr(network, "projection", None)
    kept = np.linspace(0, len(network.layers) - 1, layers).round().astype(int)
    student = BertEncoder(
        word_embedding=_words(network.word_embedding),
        positions=network.positions.numpy(),
        types=network.types.numpy(),
        embedding_norm=_norm(network.embedding_norm),
        layers=[_layer(network.layers[int(number)]) for number in kept],
        heads=outline.heads,
        epsilon=outline.epsilon,
        activation=outline.activation,
        pooling=outline.pooling,
        projection=_dense(projection) if projection else None,
    )
    return Start(
        student=student,
        tokenizer=TeacherTokenizer(teacher),
        seq_length=min(teacher.seq_length, int(student.positions.shape[0])),
        digest=f"layers {kept.tolist()}",
    )


class TeacherTokenizer:
    """A teacher's own tokenizer."""

    def __init__(self, teacher: TextEncoder):
        preprocess = tf.saved_model.load(str(teacher.paths.preprocess))
        special = preprocess.tokenize.get_special_tokens_dict()
        self.tokens = SpecialTokens(
            vocab_size=int(special["vocab_size"]),
            start=int(special["start_of_sequence_id"]),
            end=int(special["end_of_segment_id"]),
            padding=int(special["padding_id"]),
        )
        self._folder = teacher.paths.preprocess
        self._preprocess = preprocess

    def tokenize(self, texts):
        """Returns int32 ids [batch, (pieces)] of strings [batch]."""
        ids = self._preprocess.tokenize(texts)
        ids = ids.merge_dims(1, 2) if ids.ragged_rank == 2 else ids
        return tf.cast(ids, tf.int32)

    def export(self, folder: pathlib.Path, seq_length: int) -> None:
        """Copies the preprocess model; callers of it say how long."""
        del seq_length
        shutil.copytree(self._folder, folder)


def _outline(teacher: TextEncoder) -> Outline:
    folder = teacher.paths.encoder
    try:
        outline = Outline(**teacher.outline)
    except TypeError as error:
        raise DataError(
            f"{folder} does not say what its network is ({error}), so layers "
            "cannot be taken from it; allowed: encoders that `daogou encoder "
            "build` or `daogou encoder import` makes today"
        ) from error
    if outline.pooling == POOLER or not outline.unit_length:
        raise DataError(
            f"{folder} gives vectors by {outline.pooling!r}, unit_length "
            f"{outline.unit_length}; allowed where a student takes its layers: "
            "cls or mean, of length 1"
        )
    return outline


def _words(embedding) -> DenseEmbedding | PackedEmbedding:
    if hasattr(embedding, "table"):
        return DenseEmbedding(embedding.table.numpy())
    return PackedEmbedding(
        Q4Matrix(
            nibbles=embedding.nibbles.numpy(), scales=embedding.scales.numpy()
        )
    )


def _layer(layer) -> LayerWeights:
    return LayerWeights(
        qkv=_dense(layer.qkv),
        attention=_dense(layer.attention),
        attention_norm=_norm(layer.attention_norm),
        widen=_dense(layer.widen),
        narrow=_dense(layer.narrow),
        output_norm=_norm(layer.output_norm),
    )


def _pair(first: str, second: str, module) -> tuple[np.ndarray, np.ndarray]:
    return getattr(module, first).numpy(), getattr(module, second).numpy()


_dense = functools.partial(_pair, "kernel", "bias")
_norm = functools.partial(_pair, "scale", "offset")
