"""From a folder of Hugging Face's hub to an encoder with TF-Hub's interface.

What can be imported: BERT and what is built like it (RoBERTa-wwm, MacBERT,
BGE-zh), and XLM-R (multilingual E5, BGE-m3's dense vectors), with weights as
safetensors.
"""

import dataclasses
import pathlib
import typing

import numpy as np
import tensorflow as tf

from models.text.bert import CLS, MEAN, POOLER
from models.text.folders import appearing, check_free
from models.text.hugging_face import config as configs
from models.text.hugging_face import tensor_files, tokenizer, weights
from models.text.hugging_face.config import NetworkConfig, UseConfig
from models.text.hugging_face.tensor_files import Tensors
from models.text.resolve import ROLES, EncoderPaths
from models.text.tfhub_export import export_encoder, export_preprocess
from schema.errors import DataError
from schema.settings import SettingsError

# Longest sequence where the checkpoint allows more; what settings allow.
LONGEST = 512
SHORTEST = 4
_POOLED = {
    POOLER: "BERT's pooler on the first token",
    CLS: "the first token",
    MEAN: "mean over tokens",
}
_PROBES = ("无线鼠标", "碎花连衣裙")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user says over what the folder says.

    Attributes:
      pooling: `pooler`, `cls` or `mean`; empty: as the folder says, else the
        pooler where its weights are there, else the mean.
      seq_length: Longest sequence in tokens, 4 to 512; 0: as the folder
        says, at most 512.
      prefixes: What is put before a text, by role; a role that is not among
        them has what the folder says.
      trim: Whether a multilingual vocabulary keeps only the pieces of
        Chinese and Latin text; the vectors of such texts stay the same.
    """

    pooling: str = ""
    seq_length: int = 0
    prefixes: dict[str, str] = dataclasses.field(default_factory=dict)
    trim: bool = False

    def __post_init__(self):
        if self.pooling not in ("", *weights.POOLINGS):
            raise SettingsError(
                f"pooling is {self.pooling!r}; allowed: "
                f"{', '.join(weights.POOLINGS)}"
            )
        if self.seq_length and not SHORTEST <= self.seq_length <= LONGEST:
            raise SettingsError(
                f"seq_length is {self.seq_length}; allowed: {SHORTEST} to "
                f"{LONGEST}"
            )
        if not set(self.prefixes) <= set(ROLES):
            raise SettingsError(
                f"prefixes are for {sorted(self.prefixes)}; allowed: {ROLES}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import made.

    Attributes:
      paths: The two SavedModels.
      description: What stands in the encoder's `daogou.json`.
      pooled: In words, what `pooled_output` is.
      unused: Names of tensors that the encoder has no use for.
    """

    paths: EncoderPaths
    description: dict[str, typing.Any]
    pooled: str
    unused: tuple[str, ...]


def import_folder(
    folder: pathlib.Path,
    output: pathlib.Path,
    name: str = "",
    choices: Choices | None = None,
) -> Imported:
    """Imports a checkpoint; the output appears whole or not at all.

    Takes about 10 seconds for a network of BERT's base size.

    Args:
      folder: `config.json`, `model.safetensors` (or shards with their
        index), `vocab.txt` or `tokenizer.json` or `sentencepiece.bpe.model`;
        where present `tokenizer_config.json`, and the `modules.json`,
        `1_Pooling`, `sentence_bert_config.json` and
        `config_sentence_transformers.json` of Sentence Transformers.
      output: Gets `preprocess` and `encoder`; must not exist.
      name: What the encoder is called; the folder's name by default.
      choices: What goes before what the folder says.

    Raises:
      DataError: A file is missing, cut short, not supported or does not fit
        the others; names file, key, value and what is allowed.
      SettingsError: A choice does not fit the checkpoint.
      MissingDependencyError: sentencepiece is needed and not installed.
    """
    choices = choices or Choices()
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder")
    check_free(output)
    network = configs.read_network(folder)
    use = configs.read_use(folder)
    tensors = tensor_files.open_folder(folder)
    pooling = choices.pooling or _pooling(use, tensors)
    unit_length = use.unit_length and pooling != POOLER
    seq_length = _seq_length(folder, choices, use, network)
    pooled = _POOLED[pooling] + (", scaled to length 1" if unit_length else "")
    description = {
        "name": name or folder.resolve().name,
        "dimension": network.hidden,
        "seq_length": seq_length,
        "pooling": "pooled_output",
        "prefixes": {
            role: prefix
            for role, prefix in (use.prefixes | choices.prefixes).items()
            if prefix
        },
        "source": f"{folder.resolve().name}, a checkpoint of Hugging Face's "
        f"form ({network.family}, {network.layers} layers)",
        "pooled_output": pooled,
    }
    with appearing(output) as made:
        words = tokenizer.read(
            folder,
            family=network.family,
            lower_case=use.lower_case,
            trim=choices.trim,
            made=made / "vocabulary",
        )
        if words.rows is None and words.tokens.vocab_size > network.vocabulary:
            raise DataError(
                f"{folder}: the vocabulary has {words.tokens.vocab_size} "
                f"pieces; allowed: at most {network.vocabulary}, the "
                "vocab_size of config.json"
            )
        encoder, unused = weights.build(
            tensors,
            network,
            pooling=pooling,
            unit_length=unit_length,
            rows=words.rows,
        )
        export_preprocess(
            made / "preprocess",
            tokenize=words.tokenize,
            tokenizer=words.holder,
            tokens=words.tokens,
            seq_length=seq_length,
        )
        export_encoder(made / "encoder", encoder, description)
        _tidy(made / "vocabulary")
        _probe(made, folder)
    return Imported(
        paths=EncoderPaths(
            preprocess=output / "preprocess", encoder=output / "encoder"
        ),
        description=description,
        pooled=pooled,
        unused=unused,
    )


def _pooling(use: UseConfig, tensors: Tensors) -> str:
    if use.pooling:
        return use.pooling
    return POOLER if weights.has_pooler(tensors) else MEAN


def _seq_length(
    folder: pathlib.Path,
    choices: Choices,
    use: UseConfig,
    network: NetworkConfig,
) -> int:
    if choices.seq_length > network.longest:
        raise SettingsError(
            f"seq_length is {choices.seq_length}; allowed: at most "
            f"{network.longest}, the positions of {folder / 'config.json'}"
        )
    given = choices.seq_length or use.seq_length or LONGEST
    return min(given, network.longest, LONGEST)


def _tidy(vocabulary: pathlib.Path) -> None:
    for path in vocabulary.glob("*"):
        path.unlink()
    if vocabulary.is_dir():
        vocabulary.rmdir()


def _probe(made: pathlib.Path, folder: pathlib.Path) -> None:
    """Loads what was written and encodes two texts."""
    from models.text.hub import TextEncoder

    encoder = TextEncoder(
        EncoderPaths(preprocess=made / "preprocess", encoder=made / "encoder")
    )
    vectors = encoder(tf.constant(_PROBES)).numpy()
    if not np.isfinite(vectors).all() or (vectors[0] == vectors[1]).all():
        raise DataError(
            f"{folder}: {' and '.join(_PROBES)} get the vectors "
            f"{vectors[:, :3].tolist()}…; allowed: finite and different "
            "ones; are the vocabulary and the weights of one checkpoint?"
        )
