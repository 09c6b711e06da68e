"""Text encoders for tests: a two-layer Chinese BERT, and the built E5."""

import pathlib
import string
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_text

from models.text.bert import BertEncoder, DenseEmbedding, LayerWeights
from models.text.resolve import EncoderPaths
from models.text.tfhub_export import (
    SpecialTokens,
    export_encoder,
    export_preprocess,
)

HIDDEN = 32
CHARACTERS = "无线鼠标静音键盘苹果手机夏季连衣裙电饭煲家用便宜的新款男女童装鞋"
VOCABULARY = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *sorted(set(CHARACTERS)),
    *string.digits,
    *string.ascii_lowercase,
    *(f"##{char}" for char in string.digits + string.ascii_lowercase),
)


def write_tiny_bert(
    folder: pathlib.Path,
    *,
    seed: int = 0,
    description: dict | None = None,
    vocabulary: Sequence[str] = VOCABULARY,
    pooler: bool = True,
) -> EncoderPaths:
    """Writes a random BERT with a WordPiece tokenizer, as hubs have them.

    Two layers, 32 dimensions; about 1 second.

    Args:
      folder: Gets `preprocess` and `encoder`.
      seed: Of the weights.
      description: What the encoder says of itself; plain hub encoders say
        nothing.
      vocabulary: Its pieces, with BERT's special ones.
      pooler: Whether vectors come from BERT's own pooler; else they are means
        of length 1.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "vocab.txt"
    path.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            str(path),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        num_oov_buckets=1,
    )
    tokenizer = tensorflow_text.BertTokenizer(
        table, lower_case=True, token_out_type=tf.int32
    )
    holder = tf.Module()
    holder.table = table
    paths = EncoderPaths(
        preprocess=folder / "preprocess", encoder=folder / "encoder"
    )
    export_preprocess(
        paths.preprocess,
        tokenize=tokenizer.tokenize,
        tokenizer=holder,
        tokens=SpecialTokens(
            vocab_size=len(vocabulary),
            start=vocabulary.index("[CLS]"),
            end=vocabulary.index("[SEP]"),
            padding=vocabulary.index("[PAD]"),
        ),
        seq_length=128,
    )
    network = tiny_bert(seed, len(vocabulary), pooler=pooler)
    export_encoder(paths.encoder, network, description)
    return paths


def tiny_bert(
    seed: int = 0, words: int = len(VOCABULARY), *, pooler: bool = True
) -> BertEncoder:
    """Makes a random two-layer BERT, by default over `VOCABULARY`."""
    random = np.random.default_rng(seed)

    def dense(rows, columns):
        kernel = random.normal(0, 0.2, (rows, columns)).astype("f4")
        return kernel, random.normal(0, 0.1, columns).astype("f4")

    def norm():
        return np.ones(HIDDEN, "f4"), np.zeros(HIDDEN, "f4")

    return BertEncoder(
        word_embedding=DenseEmbedding(
            random.normal(0, 0.5, (words + 1, HIDDEN)).astype("f4")
        ),
        positions=random.normal(0, 0.1, (512, HIDDEN)).astype("f4"),
        types=random.normal(0, 0.1, (2, HIDDEN)).astype("f4"),
        embedding_norm=norm(),
        layers=[
            LayerWeights(
                qkv=dense(HIDDEN, 3 * HIDDEN),
                attention=dense(HIDDEN, HIDDEN),
                attention_norm=norm(),
                widen=dense(HIDDEN, 4 * HIDDEN),
                narrow=dense(4 * HIDDEN, HIDDEN),
                output_norm=norm(),
            )
            for _ in range(2)
        ],
        heads=2,
        pooler=dense(HIDDEN, HIDDEN) if pooler else None,
    )
