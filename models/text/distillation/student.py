"""A small BERT of its own that learns to give a large encoder's vectors.

It starts where a static embedding would be: a token's embedding is what the
teacher makes of the token alone, cut to the student's width by principal
components, and the projection is their inverse. Layers begin near the
identity, so that from the first step on a text's vector is about the mean of
its tokens', and training adds what order and context say.
"""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.text.bert import BertEncoder, DenseEmbedding, LayerWeights
from models.text.distillation.fast_wordpiece import FastWordPiece
from models.text.distillation.settings import StudentShape
from models.text.distillation.start import Start
from models.text.distillation.teacher import TeacherVectors

# BERT's own standard deviation of start values.
_DEVIATION = 0.02


def start_anew(
    shape: StudentShape,
    vocabulary: Sequence[str],
    teacher: TeacherVectors,
    seed: int,
) -> Start:
    """Makes a student with a vocabulary of WordPieces.

    Args:
      shape: Its size.
      vocabulary: Its pieces, in the order of their ids.
      teacher: Gives or makes the vectors of the pieces.
      seed: Of the layers' start values.
    """
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps(shape.to_json()).encode())
    for piece in vocabulary:
        digest.update(piece.encode() + b"\0")
    return Start(
        student=new_student(
            shape, teacher([_text_of(piece) for piece in vocabulary]), seed
        ),
        tokenizer=FastWordPiece(vocabulary),
        seq_length=shape.seq_length,
        digest=digest.hexdigest(),
    )


def _text_of(piece: str) -> str:
    """Returns what a piece stands for; nothing for special tokens."""
    if piece.startswith("[") and piece.endswith("]") and len(piece) > 2:
        return ""
    return piece.removeprefix("##") or piece


def new_student(
    shape: StudentShape, token_vectors: np.ndarray, seed: int
) -> BertEncoder:
    """Makes a student whose vectors live in the teacher's space.

    Args:
      shape: Its size.
      token_vectors: float32 [vocabulary, d], the teacher's vector of each
        token alone; zeros for tokens without a text of their own.
      seed: Of the layers' start values.

    Returns:
      A trainable encoder with vectors [d] of length 1. Its word embedding has
      one row more than the vocabulary, which tables of TF-Hub's tokenizers
      use for what is not in it.
    """
    random = np.random.default_rng(seed)
    width = shape.width

    def normal(*size: int) -> np.ndarray:
        return random.normal(0, _DEVIATION, size).astype(np.float32)

    def dense(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        return normal(rows, columns), np.zeros(columns, np.float32)

    def norm() -> tuple[np.ndarray, np.ndarray]:
        return np.ones(width, np.float32), np.zeros(width, np.float32)

    table, projection = _from_tokens(token_vectors, width, normal)
    return BertEncoder(
        word_embedding=DenseEmbedding(table),
        positions=normal(shape.seq_length, width),
        types=np.zeros((2, width), np.float32),
        embedding_norm=norm(),
        layers=[
            LayerWeights(
                qkv=dense(width, 3 * width),
                attention=dense(width, width),
                attention_norm=norm(),
                widen=dense(width, shape.feed_forward),
                narrow=dense(shape.feed_forward, width),
                output_norm=norm(),
            )
            for _ in range(shape.layers)
        ],
        heads=shape.heads,
        projection=projection,
    )


def _from_tokens(token_vectors, width, normal):
    """Cuts the teacher's vectors of tokens to the student's width.

    Returns:
      The word embedding [vocabulary + 1, width] with rows of about the
      length that layer norms give, and the projection back.
    """
    known = token_vectors.any(axis=1)
    mean = token_vectors[known].mean(axis=0)
    centred = token_vectors - mean
    _, _, directions = np.linalg.svd(centred[known], full_matrices=False)
    directions = directions[:width]
    cut = np.zeros((len(token_vectors) + 1, width), np.float32)
    cut[:-1, : len(directions)] = centred @ directions.T
    cut[:-1][~known] = 0.0
    length = np.linalg.norm(cut[:-1][known], axis=1).mean()
    table = cut * (width**0.5 / length)
    # Rows of nothing would all be one token to the layers.
    table = np.where(table.any(1, keepdims=True), table, normal(*table.shape))
    kernel = np.zeros((width, len(mean)), np.float32)
    kernel[: len(directions)] = directions * (length / width**0.5)
    return table.astype(np.float32), (kernel, mean.astype(np.float32))


def distillation_loss(
    student: tf.Tensor,
    teacher: tf.Tensor,
    documents: tf.Tensor,
    *,
    temperature: float,
    similarity_weight: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Compares vectors, and the order they put other texts in.

    The first part, `1 - cosine`, pulls each vector to the teacher's. The
    second is the cross-entropy between the softmax over documents that the
    teacher's vector gives and the one of the student's, less the teacher's
    own entropy, so 0 where they agree: it looks most at the nearest, as a
    search does (after Tejankar et al. 2021, https://arxiv.org/abs/2010.10207).

    Args:
      student: float32 [batch, d], of length 1.
      teacher: float32 [batch, d], of length 1.
      documents: float32 [documents, d], vectors of the teacher's.
      temperature: Of both softmaxes, above 0.
      similarity_weight: What the second part counts.

    Returns:
      The loss and the mean of `1 - cosine`, both float32 [].
    """
    distance = 1.0 - tf.reduce_mean(tf.reduce_sum(student * teacher, axis=-1))
    wanted = tf.nn.log_softmax(
        tf.matmul(teacher, documents, transpose_b=True) / temperature
    )
    given = tf.nn.log_softmax(
        tf.matmul(student, documents, transpose_b=True) / temperature
    )
    divergence = tf.reduce_mean(
        tf.reduce_sum(tf.exp(wanted) * (wanted - given), axis=-1)
    )
    return distance + similarity_weight * divergence, distance
