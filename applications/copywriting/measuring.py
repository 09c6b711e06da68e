"""How varied texts are, and whether a second look agrees with the checker."""

import re
from collections.abc import Collection, Iterable

from applications.items import Item

_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_SHORTEST_WORD = 2


def distinct(texts: Iterable[str], n: int) -> float:
    """Returns the share of n-grams of characters that are different ones.

    Distinct-n of Li et al. 2016, "A Diversity-Promoting Objective Function
    for Neural Conversation Models".

    Args:
      texts: All together are one sample.
      n: At least 1.

    Returns:
      0 to 1; 0 where no text is that long.

    >>> distinct(["静音鼠标", "静音键盘"], 2)
    0.8333333333333334
    """
    grams = [t[i : i + n] for t in texts for i in range(len(t) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


class Auditor:
    """Looks for words of other items in a text: another way than `check`.

    It knows the numbers and all tags and brands of the shop, and nothing of
    pieces and neutral words. What it finds that the item's row, or what the
    text may quote, does not have is a claim without support.
    """

    def __init__(self, items: Iterable[Item]):
        """Collects the words of a shop."""
        words = {w for i in items for w in (i.brand, *i.tags)}
        self._words = sorted(w for w in words if len(w) >= _SHORTEST_WORD)
        self._by_first: dict[str, list[str]] = {}
        for word in self._words:
            self._by_first.setdefault(word[0], []).append(word)

    def foreign(self, text: str, known: Collection[str]) -> list[str]:
        """Lists numbers and words of the text that are in nothing known."""
        data = " ".join(known)
        numbers = set(_NUMBER.findall(data))
        found = [n for n in _NUMBER.findall(text) if n not in numbers]
        for start, first in enumerate(text):
            found += [
                word
                for word in self._by_first.get(first, ())
                if text.startswith(word, start) and word not in data
            ]
        return found
