"""A checkpoint's tokenizer as one of TF.Text's, with the same ids."""

import base64
import binascii
import dataclasses
import pathlib
import typing
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_text

from models.text import vocabulary
from models.text.hugging_face.config import BERT, read_json
from models.text.tfhub_export import SpecialTokens
from models.text.wordpiece import UNKNOWN, WordPiece, read_vocabulary
from schema.errors import DataError

WORDPIECE_FILE = "vocab.txt"
FAST_FILE = "tokenizer.json"
SENTENCEPIECE_FILE = "sentencepiece.bpe.model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """What `export_preprocess` wants, and which rows of words it needs.

    Attributes:
      tokenize: string [batch] to int32 ids, ragged.
      holder: What holds the tables.
      tokens: Special tokens.
      rows: Row of the checkpoint's word embedding for each id; None where
        they are the same.
    """

    tokenize: Callable[[tf.Tensor], tf.RaggedTensor]
    holder: object
    tokens: SpecialTokens
    rows: np.ndarray | None


def read(
    folder: pathlib.Path,
    *,
    family: str,
    lower_case: bool,
    trim: bool,
    made: pathlib.Path,
) -> Tokenizer:
    """Reads the tokenizer of a checkpoint.

    Args:
      folder: Of the checkpoint.
      family: `model_type` of its config.
      lower_case: Whether Sentence Transformers lowers the texts.
      trim: Whether pieces that Chinese and Latin texts never use go.
      made: Folder for a vocabulary file until the tokenizer is saved.

    Raises:
      DataError: A file is missing, cannot be read, or asks for something
        that is not supported.
      MissingDependencyError: sentencepiece is not installed.
    """
    if family != BERT:
        if lower_case:
            raise DataError(
                f"{folder / 'sentence_bert_config.json'}: do_lower_case is "
                "true; allowed: false, this tokenizer has its own rules"
            )
        return _unigram(folder, trim=trim)
    if trim:
        raise DataError(
            f"{folder} has a WordPiece vocabulary; only the multilingual one "
            "of XLM-R can be trimmed"
        )
    return _wordpiece(folder, lower_case=lower_case, made=made)


def _wordpiece(
    folder: pathlib.Path, *, lower_case: bool, made: pathlib.Path
) -> Tokenizer:
    fast = _fast(folder, "WordPiece")
    normaliser = fast.get("normalizer") or {}
    settings_path = folder / "tokenizer_config.json"
    settings = read_json(settings_path) if settings_path.is_file() else {}

    def setting(key: str, fast_key: str, default):
        return settings.get(key, normaliser.get(fast_key, default))

    if normaliser and normaliser.get("type") != "BertNormalizer":
        raise DataError(
            f"{folder / FAST_FILE}: the normalizer is "
            f"{normaliser.get('type')!r}; allowed: BertNormalizer"
        )
    if not setting("tokenize_chinese_chars", "handle_chinese_chars", True):
        raise DataError(
            f"{settings_path}: tokenize_chinese_chars is false; allowed: true"
        )
    if (folder / WORDPIECE_FILE).is_file():
        pieces = read_vocabulary(folder / WORDPIECE_FILE)
    elif fast:
        pieces = tuple(_by_id(folder / FAST_FILE, fast["model"]))
    else:
        raise DataError(
            f"{folder} has no vocabulary; allowed: {WORDPIECE_FILE} or "
            f"{FAST_FILE}"
        )
    made.mkdir(parents=True, exist_ok=True)
    try:
        tokenizer = WordPiece(
            pieces,
            made,
            lower_case=lower_case
            or bool(setting("do_lower_case", "lowercase", True)),
            strip_accents=setting("strip_accents", "strip_accents", None),
        )
    except DataError as error:
        raise DataError(f"{folder}: {error}") from error
    return Tokenizer(
        tokenize=tokenizer.tokenize,
        holder=tokenizer,
        tokens=tokenizer.tokens,
        rows=None,
    )


def _by_id(path: pathlib.Path, model: dict[str, typing.Any]) -> list[str]:
    prefix = model.get("continuing_subword_prefix", "##")
    unknown = model.get("unk_token", UNKNOWN)
    if (prefix, unknown) != ("##", UNKNOWN):
        raise DataError(
            f"{path}: continuing_subword_prefix is {prefix!r} and unk_token "
            f"{unknown!r}; allowed: '##' and {UNKNOWN!r}"
        )
    by_id = {row: piece for piece, row in model["vocab"].items()}
    if sorted(by_id) != list(range(len(model["vocab"]))):
        raise DataError(
            f"{path}: the ids of the vocabulary have gaps or repeat; allowed: "
            f"0 to {len(model['vocab']) - 1}, each once"
        )
    return [by_id[row] for row in range(len(by_id))]


def _unigram(folder: pathlib.Path, *, trim: bool) -> Tokenizer:
    fast = _fast(folder, "Unigram")
    if fast:
        pieces, scores, charsmap = _from_fast(folder / FAST_FILE, fast)
    elif (folder / SENTENCEPIECE_FILE).is_file():
        pieces, scores, charsmap = vocabulary.read_sentencepiece_model(
            folder / SENTENCEPIECE_FILE
        )
    else:
        raise DataError(
            f"{folder} has no vocabulary; allowed: {FAST_FILE} or "
            f"{SENTENCEPIECE_FILE}"
        )
    if pieces[-1] == vocabulary.MASK:
        pieces, scores = pieces[:-1], scores[:-1]
    if tuple(pieces[:4]) != vocabulary.SPECIAL_PIECES:
        raise DataError(
            f"{folder}: the vocabulary begins with {pieces[:4]}; allowed: "
            f"{list(vocabulary.SPECIAL_PIECES)}, as XLM-R's"
        )
    rows = None
    if trim:
        rows = vocabulary.kept_rows(pieces, scores)
        pieces, scores = [pieces[row] for row in rows], scores[rows]
    tokenizer = tensorflow_text.SentencepieceTokenizer(
        model=vocabulary.sentencepiece_model(pieces, scores, charsmap),
        out_type=tf.int32,
    )
    return Tokenizer(
        tokenize=tokenizer.tokenize,
        holder=tokenizer,
        tokens=SpecialTokens(
            vocab_size=len(pieces),
            start=vocabulary.START,
            end=vocabulary.END,
            padding=vocabulary.PADDING,
        ),
        rows=rows,
    )


def _fast(folder: pathlib.Path, kind: str) -> dict[str, typing.Any]:
    """Reads `tokenizer.json`; empty where there is none."""
    path = folder / FAST_FILE
    if not path.is_file():
        return {}
    content = read_json(path)
    model = content.get("model")
    if not isinstance(model, dict):
        raise DataError(f"{path}: model is {model!r}; allowed: {kind}")
    # Older files do not name the kind.
    given = model.get("type", kind)
    if given != kind or not isinstance(model.get("vocab"), (dict, list)):
        raise DataError(
            f"{path}: the model is {given!r}; allowed: {kind} with a vocab"
        )
    known = {
        pair if isinstance(pair, str) else pair[0] for pair in model["vocab"]
    }
    for added in content.get("added_tokens") or ():
        if not added.get("special") and added.get("content") not in known:
            raise DataError(
                f"{path}: the token {added.get('content')!r} was added to the "
                "vocabulary; allowed: only special ones"
            )
    return content


def _from_fast(
    path: pathlib.Path, content: dict[str, typing.Any]
) -> tuple[list[str], np.ndarray, bytes]:
    try:
        pieces = [piece for piece, _ in content["model"]["vocab"]]
        scores = np.array(
            [score for _, score in content["model"]["vocab"]], np.float32
        )
        normaliser = content.get("normalizer") or {}
        steps = normaliser.get("normalizers", [normaliser])
        (charsmap,) = (
            step["precompiled_charsmap"]
            for step in steps
            if step.get("type") == "Precompiled"
        )
        return pieces, scores, base64.b64decode(charsmap, validate=True)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        binascii.Error,
    ) as error:
        raise DataError(
            f"{path} cannot be read ({error}); allowed: a Unigram vocabulary "
            "of pieces with scores, and a Precompiled normalizer"
        ) from error
