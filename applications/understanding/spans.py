"""Text folded for matching, with the way back to where it stood."""

import dataclasses
import itertools
import unicodedata


@dataclasses.dataclass(frozen=True)
class Folded:
    """A title in plain characters and lower case.

    Attributes:
      text: Of any length; a character may have become several, or none.
      places: For each character of `text`, the one of the title it is of.
    """

    text: str
    places: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Returns where `text[start:end]`, not empty, stands in the title."""
        return self.places[start], self.places[end - 1] + 1


def fold(title: str) -> Folded:
    """Folds width, compatibility forms and case, character by character.

    >>> fold("ＡＢ㎖").text
    'abml'
    >>> fold("ＡＢ㎖").span(2, 4)
    (2, 3)
    """
    parts = [unicodedata.normalize("NFKC", sign).lower() for sign in title]
    places = [[place] * len(part) for place, part in enumerate(parts)]
    return Folded("".join(parts), list(itertools.chain.from_iterable(places)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """Something that a title says.

    Attributes:
      name: Of what, as in `brand` or `capacity`.
      value: In one form: folded, without blanks, brands as the catalogue has
        them.
      start: Where in the title its evidence begins.
      end: And where it ends, exclusive.
      source: `dictionary` or `pattern`.
      confidence: 0 to 1.
    """

    name: str
    value: str
    start: int
    end: int
    source: str
    confidence: float = 1.0
