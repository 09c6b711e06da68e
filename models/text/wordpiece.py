"""BERT's WordPiece tokenizer from a `vocab.txt`, with ops that servers link.

Texts are normalised as Hugging Face's `BertTokenizerFast` does it and not as
`tensorflow_text.BertTokenizer` does by itself: control and format characters
go without a space in their place, white space of any script separates words,
and letters are lowered, not case-folded (ß stays ß).
"""

import pathlib
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text

from models.text.tfhub_export import SpecialTokens
from schema.errors import DataError

START, END, PADDING, UNKNOWN = "[CLS]", "[SEP]", "[PAD]", "[UNK]"

_WHITE_SPACE = r"[\t\n\r\pZ]"
# The ASCII and Latin-1 controls but tab and line ends, format and private
# characters, and what stands for broken bytes.
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\p{Cf}\p{Co}\x{fffd}]+"


class WordPiece(tf.Module):
    """Cuts texts into words and words into pieces of a vocabulary."""

    def __init__(
        self,
        vocabulary: Sequence[str],
        folder: pathlib.Path,
        *,
        lower_case: bool = True,
        strip_accents: bool | None = None,
    ):
        """Makes the table.

        Args:
          vocabulary: Pieces in the order of their ids, each once; `##` marks
            those inside a word. The four special tokens are among them.
          folder: Gets `vocab.txt`, which is read when the tokenizer is
            saved, and goes into the saved model as an asset.
          lower_case: Whether letters are lowered.
          strip_accents: Whether accents are taken off; None: when lowering.

        Raises:
          DataError: A special token is missing, or a piece stands twice.
        """
        super().__init__(name="wordpiece")
        self.tokens = special_tokens(vocabulary)
        self._lower_case = lower_case
        self._strip_accents = (
            lower_case if strip_accents is None else strip_accents
        )
        path = folder / "vocab.txt"
        path.write_text(
            "".join(
                f"{_written(piece, row)}\n"
                for row, piece in enumerate(vocabulary)
            ),
            encoding="utf-8",
            newline="\n",
        )
        self._table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                str(path),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            num_oov_buckets=1,
        )
        self._pieces = tensorflow_text.BertTokenizer(
            self._table, token_out_type=tf.int32, unknown_token=UNKNOWN
        )

    def tokenize(self, texts):
        """Returns int32 ids [batch, (words), (pieces)] of strings [batch].

        A word with a part that is not in the vocabulary, or of more than
        100 bytes, is one `[UNK]`.
        """
        texts = tf.strings.regex_replace(texts, _CONTROL, "")
        texts = tf.strings.regex_replace(texts, _WHITE_SPACE, " ")
        if self._strip_accents:
            texts = tensorflow_text.normalize_utf8(texts, "NFD")
            texts = tf.strings.regex_replace(texts, r"\p{Mn}", "")
        if self._lower_case:
            texts = tf.strings.lower(texts, encoding="utf-8")
        return self._pieces.tokenize(texts)


def _written(piece: str, row: int) -> str:
    # No word is empty or has a line end, and a table's file has neither.
    return piece if piece and "\n" not in piece else f"[no piece {row}]"


def special_tokens(vocabulary: Sequence[str]) -> SpecialTokens:
    """Finds the special tokens of a vocabulary, and checks the rest.

    Raises:
      DataError: A special token is missing, or a piece stands twice.
    """
    rows = {piece: row for row, piece in enumerate(vocabulary)}
    for token in (START, END, PADDING, UNKNOWN):
        if token not in rows:
            raise DataError(
                f"the vocabulary has no {token}; allowed: one with "
                f"{START}, {END}, {PADDING} and {UNKNOWN}"
            )
    for row, piece in enumerate(vocabulary):
        if rows[piece] != row:
            raise DataError(
                f"the vocabulary has {piece!r} in lines {row + 1} and "
                f"{rows[piece] + 1}; allowed: each piece once"
            )
    return SpecialTokens(
        vocab_size=len(vocabulary),
        start=rows[START],
        end=rows[END],
        padding=rows[PADDING],
    )


def read_vocabulary(path: pathlib.Path) -> tuple[str, ...]:
    """Reads a `vocab.txt`, one piece a line.

    Raises:
      DataError: It is missing, empty or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 (byte {error.start}); allowed: a "
            "vocabulary with a piece a line"
        ) from error
    # Only line feeds end a line: U+2028 is a piece of Google's vocabulary.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if not lines[-1]:
        lines.pop()
    if not lines:
        raise DataError(f"{path} is empty; allowed: a piece a line")
    return tuple(lines)
