"""Which brand a title is of, by a dictionary that a catalogue teaches.

A brand's name is not always said of the brand: 苹果 is a fruit and 苹果16适用
stands on cases of anybody. So the dictionary knows, of each name, how often
it was the brand where it leads the title and where it stands later, and in
which leaves the brand is sold.
"""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from applications.understanding.spans import Folded, Found, fold

NAME = "brand"
_LEADING, _LATER = 0, 1
# What a name that was never seen at a place counts as: so many times.
_PRIOR = 1.0
# What is left of the chance in a leaf that the brand is not sold in.
_STRANGER = 0.3
_LEAST = 0.5


@dataclasses.dataclass(frozen=True)
class Brands:
    """A dictionary of brands.

    Attributes:
      names: As the catalogue has them.
      reliability: float32 [brands, 2], the chance that the name says the
        brand where it leads a title, and where it stands later.
      leaves: For each brand, the leaves that it is sold in.
    """

    names: tuple[str, ...]
    reliability: NDArray[np.float32]
    leaves: tuple[frozenset[str], ...]

    @classmethod
    def learn(
        cls,
        titles: Sequence[str],
        brands: Sequence[str],
        leaves: Sequence[str],
    ) -> "Brands":
        """Reads a catalogue.

        Args:
          titles: Of its items.
          brands: Their brands, "" where not known: those titles teach nothing.
          leaves: Their leaf categories.
        """
        names = tuple(sorted({brand for brand in brands if brand.strip()}))
        number = {name: row for row, name in enumerate(names)}
        sold: list[set[str]] = [set() for _ in names]
        counts = np.zeros((len(names), 2, 2))
        empty = cls(names, np.ones((len(names), 2), np.float32), ())
        matcher = empty._matcher()
        for title, brand, leaf in zip(titles, brands, leaves, strict=True):
            if brand not in number:
                continue
            sold[number[brand]].add(leaf)
            for row, place, _, _ in _occurrences(matcher, fold(title)):
                counts[row, place, int(names[row] == brand)] += 1
        right = counts[:, :, 1] + _PRIOR * np.array([0.8, 0.5])
        reliability = right / (counts.sum(2) + _PRIOR)
        return cls(
            names,
            reliability.astype(np.float32),
            tuple(frozenset(found) for found in sold),
        )

    def find(
        self, titles: Sequence[str], leaves: Sequence[str] = ()
    ) -> list[Found | None]:
        """Finds the brand of each title; None where none is said.

        Args:
          titles: Any.
          leaves: Their leaf categories, known or inferred; may be left out.
        """
        matcher = self._matcher()
        known = frozenset().union(*self.leaves)
        return [
            self._find(
                matcher, fold(title), leaves[row] if leaves else "", known
            )
            for row, title in enumerate(titles)
        ]

    def _find(self, matcher, title: Folded, leaf, known) -> Found | None:
        best = None
        for row, place, start, end in _occurrences(matcher, title):
            chance = float(self.reliability[row, place])
            if leaf in known and leaf not in self.leaves[row]:
                chance *= _STRANGER
            # Of two names that are as likely the longer one.
            rank = chance, end - start
            if best is None or rank > best[0]:
                best = rank, row, start, end
        if best is None or best[0][0] < _LEAST:
            return None
        (chance, _), row, start, end = best
        first, last = title.span(start, end)
        return Found(
            name=NAME,
            value=self.names[row],
            start=first,
            end=last,
            source="dictionary",
            confidence=round(chance, 4),
        )

    def _matcher(self):
        """Returns a pattern of all names and the row of each folded one."""
        rows = {
            fold(name.strip()).text: row for row, name in enumerate(self.names)
        }
        longest = sorted(rows, key=len, reverse=True)
        alternatives = "|".join(
            # A Latin name does not begin or end inside a Latin word.
            (r"(?<![a-z0-9])" if name[0].isascii() else "")
            + re.escape(name)
            + (r"(?![a-z])" if name[-1].isascii() else "")
            for name in longest
        )
        return re.compile(alternatives or r"(?!)"), rows


def _occurrences(matcher, title: Folded):
    """Yields brand, whether it leads, start and end, longest names first."""
    pattern, rows = matcher
    begins = len(title.text) - len(title.text.lstrip("【[( "))
    for match in pattern.finditer(title.text):
        place = _LEADING if match.start() <= begins else _LATER
        yield rows[match[0]], place, match.start(), match.end()
