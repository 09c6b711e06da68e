"""Near duplicates made of a catalogue's own titles, to measure by.

Each is a title as another seller would write it; the kinds say how.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from applications.understanding.duplicates import Pairs

_SELLER_WORDS = ("包邮", "正品", "热卖", "现货速发", "新品", "官方授权", "特惠")
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_UNITS = (("ml", "毫升"), ("kg", "公斤"), ("cm", "厘米"), ("毫安", "mAh"))


def _order(words: list[str], rng: np.random.Generator) -> str:
    """The first two words, brand and name as a rule, stay in front."""
    rest = words[2:]
    rng.shuffle(rest)
    return " ".join([*words[:2], *rest])


def _sellers_words(words: list[str], rng: np.random.Generator) -> str:
    added = rng.choice(_SELLER_WORDS, size=2, replace=False)
    return f"【{added[0]}】{' '.join(words)} {added[1]}"


def _typography(words: list[str], rng: np.random.Generator) -> str:
    return rng.choice(["", "/"]).join(words).upper().translate(_FULL_WIDTH)


def _units(words: list[str], rng: np.random.Generator) -> str:
    title = " ".join(words)
    for short, long in _UNITS:
        title = title.replace(short, long)
    return title


def _dropped(words: list[str], rng: np.random.Generator) -> str:
    if len(words) > 3:
        words = list(words)
        words.pop(int(rng.integers(3, len(words))))
    return " ".join(words)


KINDS: dict[str, Callable[[list[str], np.random.Generator], str]] = {
    "order": _order,
    "sellers' words": _sellers_words,
    "typography": _typography,
    "units": _units,
    "a word dropped": _dropped,
}


@dataclasses.dataclass(frozen=True)
class Planted:
    """Duplicates that were made.

    Attributes:
      rows: int64 [planted], the item that each is of, each once.
      titles: Theirs.
      kinds: How each was made, of `KINDS`.
    """

    rows: NDArray[np.int64]
    titles: list[str]
    kinds: list[str]


def plant(titles: Sequence[str], count: int, seed: int) -> Planted:
    """Makes duplicates of titles drawn at random.

    What comes out as its title was is left out.

    Args:
      titles: Of a catalogue.
      count: How many are tried.
      seed: Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(titles))[:count]
    names = list(KINDS)
    made = []
    for place, row in enumerate(rows.tolist()):
        kind = names[place % len(names)]
        title = KINDS[kind](titles[row].split(), rng)
        if title != titles[row]:
            made.append((row, title, kind))
    return Planted(
        np.array([row for row, _, _ in made], np.int64),
        [title for _, title, _ in made],
        [kind for _, _, kind in made],
    )


def with_planted(items: pa.Table, planted: Planted) -> pa.Table:
    """Puts duplicates behind the items; of them only the title is known."""
    ids = [f"planted-{row}" for row in planted.rows.tolist()]
    fields = {
        "item_id": pa.array(ids, pa.string()),
        "title": pa.array(planted.titles, pa.string()),
    }
    return pa.concat_tables(
        [
            items,
            pa.table(
                {
                    name: fields[name].cast(items.schema.field(name).type)
                    if name in fields
                    else pa.nulls(len(ids), items.schema.field(name).type)
                    for name in items.column_names
                }
            ),
        ]
    )


def is_planted(pairs: Pairs, planted: Planted, count: int) -> NDArray[np.bool_]:
    """Returns bool [pairs], whether each is a planted item and its own.

    Args:
      pairs: Among items with what was planted behind them.
      planted: What was.
      count: Items without it.
    """
    late = pairs.second >= count
    place = np.where(late, pairs.second - count, 0)
    if not len(planted.rows):
        return np.zeros(len(late), bool)
    return late & (planted.rows[place] == pairs.first)


def best_threshold(
    pairs: Pairs, planted: Planted, count: int, otherwise: float
) -> float:
    """Returns the threshold with the best F1 on what was planted.

    Every other pair counts as wrong, the catalogue's own true ones included,
    so the threshold is rather too high than too low.

    Args:
      pairs: More than enough of them.
      planted: What was planted.
      count: Items without it.
      otherwise: Returned where nothing planted is found.
    """
    right = is_planted(pairs, planted, count)
    if not right.any():
        return otherwise
    order = np.argsort(-pairs.similarity, kind="stable")
    hits = np.cumsum(right[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + len(planted.rows))
    best = int(np.argmax(f1))
    here = float(pairs.similarity[order[best]])
    # Between the last pair that counts and the next.
    following = order[best + 1 :]
    below = float(pairs.similarity[following[0]]) if len(following) else here
    return (here + below) / 2
