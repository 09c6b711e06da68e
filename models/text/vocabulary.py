"""Trims a multilingual unigram vocabulary to what Chinese shops write.

A piece that holds a character of a foreign script can never be part of a text
without that character, so leaving it out changes no segmentation of Chinese
and Latin texts: unigram segmentation looks only at pieces that occur in the
text. The score of an unknown character hangs on the lowest score of all
pieces, so that one is kept.
"""

import io
import pathlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from schema.errors import DataError, MissingDependencyError

# XLM-R's special pieces, in the order of their ids.
START, PADDING, END, UNKNOWN = range(4)
SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>")
# Stands at the end of the checkpoint's vocabulary; no text has it.
MASK = "<mask>"
# What a SentencePiece file of XLM-R begins with instead.
_FILE_PIECES = ("<unk>", "<s>", "</s>")

_KEPT_RANGES = (
    (0x0000, 0x017F),  # Latin, Latin-1, Latin Extended-A
    (0x02B0, 0x02FF),  # modifier letters; ˉ and ˇ stand for dashes and dots
    (0x0300, 0x036F),  # combining accents
    (0x0370, 0x045F),  # Greek, Cyrillic; see _FOREIGN_WORD
    (0x2000, 0x2BFF),  # punctuation, symbols, arrows, shapes, dingbats
    (0x2E80, 0x31FF),  # radicals, CJK punctuation, Bopomofo, kana
    (0x3200, 0x9FFF),  # enclosed CJK, extension A, Han
    (0xE000, 0xF8FF),  # private use: icons of shops' own fonts
    (0xF900, 0xFAFF),  # compatibility Han
    (0xFE00, 0xFE0F),  # variation selectors, as in emoji
    (0xFE30, 0xFE4F),  # vertical punctuation
    (0xFF00, 0xFFEF),  # full-width
    (0x1F000, 0x1FAFF),  # emoji
    (0x20000, 0x3FFFF),  # Han extensions
)
# Punctuation and symbols of any block.
_KEPT_CATEGORIES = "PSZ"
# Chinese titles write single letters of these (α, μ, ф, の) but not words.
_FOREIGN_WORD = re.compile("[\u0370-\u045f]{2}|[\u3041-\u30ff]{2}")


def is_kept(piece: str) -> bool:
    """Whether every character is one of Chinese, Latin or a symbol.

    >>> [is_kept(p) for p in ("▁手机", "Größe", "の味", "телефон", "ấ", "です")]
    [True, True, True, False, False, False]
    """
    return not _FOREIGN_WORD.search(piece) and all(
        any(low <= ord(char) <= high for low, high in _KEPT_RANGES)
        or unicodedata.category(char)[0] in _KEPT_CATEGORIES
        for char in piece
    )


def kept_rows(pieces: Sequence[str], scores: np.ndarray) -> np.ndarray:
    """Returns the rows to keep, rising; they start with the special pieces.

    Args:
      pieces: XLM-R's vocabulary; `<mask>` is left out.
      scores: float32 [pieces].
    """
    rows = [
        row
        for row, piece in enumerate(pieces)
        if row < len(SPECIAL_PIECES) or (piece != MASK and is_kept(piece))
    ]
    lowest = len(SPECIAL_PIECES) + int(np.argmin(scores[len(SPECIAL_PIECES) :]))
    return np.array(sorted({*rows, lowest}))


def sentencepiece_model(
    pieces: Sequence[str], scores: np.ndarray, charsmap: bytes | None = None
) -> bytes:
    """Makes a SentencePiece model whose ids are the rows of `pieces`.

    Args:
      pieces: Begin with `SPECIAL_PIECES`.
      scores: float32 [pieces], unigram log probabilities.
      charsmap: The compiled table of what characters are normalised to; None
        for that of `nmt_nfkc`, XLM-R's.

    Returns:
      A serialised `ModelProto`, for `tensorflow_text.SentencepieceTokenizer`.

    Raises:
      MissingDependencyError: sentencepiece is not installed.
    """
    protos = _protos()
    model = protos.ModelProto(
        trainer_spec=protos.TrainerSpec(
            model_type=protos.TrainerSpec.UNIGRAM,
            vocab_size=len(pieces),
            unk_id=UNKNOWN,
            bos_id=START,
            eos_id=END,
            pad_id=PADDING,
        ),
        normalizer_spec=protos.NormalizerSpec(
            name="nmt_nfkc",
            precompiled_charsmap=nmt_nfkc() if charsmap is None else charsmap,
            add_dummy_prefix=True,
            remove_extra_whitespaces=True,
            escape_whitespaces=True,
        ),
    )
    for piece, score in zip(pieces, scores, strict=True):
        model.pieces.add(piece=piece, score=float(score))
    kinds = protos.ModelProto.SentencePiece
    for row in range(len(SPECIAL_PIECES)):
        model.pieces[row].type = (
            kinds.UNKNOWN if row == UNKNOWN else kinds.CONTROL
        )
    return model.SerializeToString(deterministic=True)


def read_sentencepiece_model(
    path: pathlib.Path,
) -> tuple[list[str], np.ndarray, bytes]:
    """Reads the SentencePiece file of XLM-R.

    Returns:
      Pieces in the order of the checkpoint's ids, with `SPECIAL_PIECES`
      first; float32 scores; the normaliser's compiled table.

    Raises:
      DataError: It is not such a file.
      MissingDependencyError: sentencepiece is not installed.
    """
    from google.protobuf.message import DecodeError

    protos = _protos()
    try:
        model = protos.ModelProto.FromString(path.read_bytes())
    except DecodeError as error:
        raise DataError(f"{path} is no SentencePiece model") from error
    kinds = protos.ModelProto.SentencePiece
    begin = tuple(piece.piece for piece in model.pieces[: len(_FILE_PIECES)])
    others = model.pieces[len(_FILE_PIECES) :]
    if (
        model.trainer_spec.model_type != protos.TrainerSpec.UNIGRAM
        or begin != _FILE_PIECES
        or any(piece.type != kinds.NORMAL for piece in others)
    ):
        raise DataError(
            f"{path} begins with the pieces {list(begin)}; allowed: a "
            f"unigram model that begins with {list(_FILE_PIECES)} and has no "
            "other special pieces, as XLM-R's"
        )
    pieces = [*SPECIAL_PIECES, *(piece.piece for piece in others)]
    scores = [0.0] * len(SPECIAL_PIECES) + [piece.score for piece in others]
    return (
        pieces,
        np.array(scores, np.float32),
        model.normalizer_spec.precompiled_charsmap,
    )


def _protos():
    try:
        from sentencepiece import sentencepiece_model_pb2
    except ImportError as error:
        raise MissingDependencyError(
            "Building this text encoder needs the package sentencepiece: "
            "pip install sentencepiece==0.2.0"
        ) from error
    return sentencepiece_model_pb2


def nmt_nfkc() -> bytes:
    """Returns the compiled table of the normaliser `nmt_nfkc`.

    It exists only inside models that the library writes, so one is trained
    for it and thrown away.
    """
    import sentencepiece

    throw_away = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["hello world 你好 世界 " * 3] * 50),
        model_writer=throw_away,
        vocab_size=25,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=2,
    )
    trained = _protos().ModelProto.FromString(throw_away.getvalue())
    return trained.normalizer_spec.precompiled_charsmap
