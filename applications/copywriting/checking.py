"""Holds a text against facts: nothing else may be claimed, nothing banned.

The checker knows nothing of who wrote the text. Every stretch of it has to be
a piece of the facts, a quote that may be given, or one of a closed list of
words that claim nothing (`neutral_words.txt`); what is left over is an
unsupported claim, be it a number, a brand, a material or praise. It would
rather refuse a harmless word than pass an invented one.
"""

import dataclasses
import enum
import functools
import pathlib
import re
from collections.abc import Iterable

from applications.copywriting.advertising_law import banned_words
from applications.copywriting.facts import Facts, normal

NEUTRAL_WORDS = pathlib.Path(__file__).with_name("neutral_words.txt")
_QUOTE = re.compile(r"「([^」]*)」")
_PUNCTUATION = frozenset(
    "，。！？；：、“”‘’「」『』（）《》〈〉【】—–…·•～"
    "()[],.!?;:'\"/|~- \n\t\0#*"
)
# What belongs to a number or a Latin word on both sides of a piece's end.
_ALPHANUMERIC = re.compile(r"[a-z0-9]", re.ASCII)
_NUMBER_GOES_ON = re.compile(r"[.,]\d", re.ASCII)
# Stands for a quote that was taken out.
_GAP = "\0"


class Kind(enum.StrEnum):
    """What is wrong with a stretch of text."""

    UNSUPPORTED = "unsupported"
    BANNED = "banned"


@dataclasses.dataclass(frozen=True)
class Problem:
    """A stretch of a text that must not be shown.

    Attributes:
      kind: What is wrong with it.
      words: The stretch.
      source: What forbids it; empty for unsupported ones.
    """

    kind: Kind
    words: str
    source: str = ""


def check(text: str, facts: Facts) -> list[Problem]:
    """Lists what in a text must not be shown.

    Args:
      text: What shoppers would read.
      facts: What may be said.

    Returns:
      Unsupported stretches in the order of the text, then banned words; none
      for a text that may be shown. A text without a word may not.

    >>> from applications.copywriting.facts import stated
    >>> check("这款鼠标，静音，售价99元。", stated("鼠标", "静音", "99元"))
    []
    >>> found = check("这款鼠标，续航30天！", stated("鼠标"))
    >>> [(str(problem.kind), problem.words) for problem in found]
    [('unsupported', '续航30天')]
    """
    quotes = {normal(quote) for quote in facts.quotes}
    problems = [
        Problem(Kind.UNSUPPORTED, match.group(1))
        for match in _QUOTE.finditer(text)
        if normal(match.group(1)) not in quotes
    ]
    rest = normal(_QUOTE.sub(_GAP, text))
    problems += [
        Problem(Kind.UNSUPPORTED, words)
        for words in _uncovered(rest, facts.pieces)
    ]
    if not text.strip():
        problems.append(Problem(Kind.UNSUPPORTED, text))
    problems += [
        Problem(Kind.BANNED, found.word, found.source)
        for found in banned_words(text, facts.brands)
    ]
    return problems


def _uncovered(text: str, pieces: frozenset[str]) -> list[str]:
    """Returns the stretches that no choice of words can account for.

    Covers as many characters as possible, by dynamic programming from the
    end: least[i] is how many of text[i:] stay uncovered at best.
    """
    said, neutral = _by_first(pieces), _neutral_by_first()
    size = len(text)
    least = [0] * (size + 1)
    step = [0] * size
    for i in range(size - 1, -1, -1):
        alone = text[i] in _PUNCTUATION
        least[i] = least[i + 1] + (not alone)
        step[i] = 1 if alone else 0
        first = text[i]
        for word in (*said.get(first, ()), *neutral.get(first, ())):
            end = i + len(word)
            if (
                text.startswith(word, i)
                and least[end] < least[i]
                and _stands_alone(text, i, end)
            ):
                least[i], step[i] = least[end], len(word)
    found, i, open_run = [], 0, ""
    while i < size:
        if step[i]:
            found.append(open_run)
            open_run = ""
        else:
            open_run += text[i]
        i += step[i] or 1
    return [run for run in [*found, open_run] if run]


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Says whether no number or Latin word goes on beyond a stretch."""
    if _ALPHANUMERIC.match(text[end - 1]) and (
        _ALPHANUMERIC.match(text[end : end + 1])
        or (text[end - 1].isdigit() and _NUMBER_GOES_ON.match(text, end))
    ):
        return False
    if not _ALPHANUMERIC.match(text[start]) or start == 0:
        return True
    before = text[:start]
    number = text[start].isdigit() and re.search(r"\d[.,]$", before)
    return not (_ALPHANUMERIC.match(before[-1]) or number)


def _by_first(words: Iterable[str]) -> dict[str, list[str]]:
    """Returns words by their first character."""
    found: dict[str, list[str]] = {}
    for word in filter(None, words):
        found.setdefault(word[0], []).append(word)
    return found


@functools.cache
def _neutral_by_first() -> dict[str, list[str]]:
    return _by_first(neutral_words())


@functools.cache
def neutral_words() -> frozenset[str]:
    """Returns the words that claim nothing."""
    lines = NEUTRAL_WORDS.read_text(encoding="utf-8").splitlines()
    told = (line for line in lines if not line.startswith("#"))
    return frozenset(normal(word) for line in told for word in line.split())
