"""Makes a WordPiece vocabulary of Chinese texts where none is at hand."""

import collections
import itertools
from collections.abc import Iterable, Sequence

import tensorflow as tf
from tensorflow_text.python.ops.bert_tokenizer import BasicTokenizer
from tensorflow_text.tools.wordpiece_vocab import (
    wordpiece_tokenizer_learner_lib as learner,
)

from models.text.wordpiece import END, PADDING, START, UNKNOWN
from schema.errors import DataError

_TEXTS_AT_A_TIME = 4096
# A character or a piece that occurs more seldom is left out.
_FEWEST = 2
_LATIN_CHARACTERS = 500


def learn_vocabulary(texts: Sequence[str], size: int) -> tuple[str, ...]:
    """Makes a vocabulary: special tokens, characters, pieces of words.

    As in Google's, Chinese characters are words by themselves, so they enter
    as they are; the pieces of other words are learnt as TensorFlow Text does
    it, top-down from the most frequent ones.

    Args:
      texts: What to learn from.
      size: Most pieces; characters come before pieces of words.

    Raises:
      DataError: The texts have no word.
    """
    words = _count_words(texts)
    if not words:
        raise DataError("the texts have no word to make a vocabulary of")
    special = [PADDING, UNKNOWN, START, END]
    characters = [
        word
        for word, count in words.most_common()
        if len(word) == 1 and not _is_latin(word) and count >= _FEWEST
    ][: size - len(special)]
    room = size - len(special) - len(characters)
    longer = [
        (word, count)
        for word, count in words.items()
        if len(word) > 1 or _is_latin(word)
    ]
    pieces = (
        learner.learn(
            longer,
            vocab_size=room,
            reserved_tokens=[],
            lower_thresh=_FEWEST,
            max_unique_chars=_LATIN_CHARACTERS,
        )
        if longer and room > 0
        else []
    )
    return tuple(dict.fromkeys([*special, *characters, *pieces[:room]]))


def _is_latin(word: str) -> bool:
    return word.isascii() and word.isalnum()


def _count_words(texts: Sequence[str]) -> collections.Counter[str]:
    splitter = BasicTokenizer(lower_case=True)
    words: collections.Counter[str] = collections.Counter()
    for part in _parts(texts):
        split = splitter.tokenize(tf.constant(part))
        words.update(word.decode() for word in split.flat_values.numpy())
    return words


def _parts(texts: Iterable[str]) -> Iterable[list[str]]:
    waiting = iter(texts)
    while part := list(itertools.islice(waiting, _TEXTS_AT_A_TIME)):
        yield part
