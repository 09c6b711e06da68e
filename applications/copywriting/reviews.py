"""What customers said: the sentence that stands for most of their reviews.

Extractive: nothing is written, a sentence is chosen. Of the sentences of the
approving reviews, that one is taken that has most in common with all of them
(the centroid method of Radev et al. 2004, over TF-IDF of pairs of characters),
and it is shown as a quote. Reviews of an item speak for the item; reviews of a
category only for items of that kind, and the text says so.

Medicine, medical devices and health food must not be advertised with the word
of others (广告法第十六条、第十八条): such items get none.
"""

import csv
import dataclasses
import functools
import io
import pathlib
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from applications.copywriting.advertising_law import banned_words
from applications.items import Item
from schema.contract import CATEGORY_SEPARATOR
from schema.errors import DataError

OF_ITEM, OF_KIND = "有顾客说", "有顾客评价这一类商品"
_KEYS = ("item_id", "category", "cat")
_TEXTS = ("review", "text", "comment")
# What approves: labels of sentiment, or stars.
_LABELS = ("label", "rating")
_END = re.compile(r"[。！!？?；;…~～\n\r]+")
# A sentence that can be read alone: no numbers, no addresses, one language.
_PLAIN = re.compile(r"[\u4e00-\u9fff，、]{8,28}")
_NO_TESTIMONY = re.compile(r"药|医|保健|健康|营养")
# Enough to find what most of them say.
_MOST_SENTENCES = 5000
# Words of disappointment, which approving reviews have as well.
_BUT = re.compile(
    r"不|没|差|但|可惜|就是|退|假|坏|贵|慢|希望|客服|客户|建议|第一次|如果"
)


@dataclasses.dataclass(frozen=True)
class Said:
    """A quote, and whom it is about.

    Attributes:
      words: As a customer wrote them.
      about: `OF_ITEM` or `OF_KIND`.
    """

    words: str
    about: str


class Reviews:
    """Reviews of items, or of kinds of items."""

    def __init__(
        self, rows: Iterable[tuple[str, str]], names: Iterable[str] = ()
    ):
        """Keeps the sentences that may be quoted.

        Args:
          rows: Pairs of an item's id or a category, and an approving text.
          names: Brands and products of the shop: a sentence that names one
            speaks of one item, not of its kind.
        """
        named = sorted(name for name in set(names) if len(name) > 1)
        self._named = re.compile("|".join(map(re.escape, named)) or r"(?!)")
        sentences: dict[str, list[str]] = defaultdict(list)
        for key, text in rows:
            sentences[key] += [
                sentence
                for part in _END.split(text)
                if (sentence := part.strip(" ，、"))
                and _PLAIN.fullmatch(sentence)
                and not _BUT.search(sentence)
                and not banned_words(sentence)
            ]
        self._sentences = dict(sentences)

    def about(self, item: Item) -> Said | None:
        """Returns what to quote for an item; None where nobody said anything.

        Args:
          item: Reviews of its id count, else those of a category whose name
            is a level of its path, or ends its last one.
        """
        if _NO_TESTIMONY.search(item.category):
            return None
        if words := self._central(item.item_id, OF_ITEM):
            return Said(words, OF_ITEM)
        levels = item.category.split(CATEGORY_SEPARATOR)
        for key in sorted(self._sentences, key=len, reverse=True):
            if not key or not (key in levels or item.leaf.endswith(key)):
                continue
            if words := self._central(key, OF_KIND):
                return Said(words, OF_KIND)
        return None

    @functools.cache  # noqa: B019 (lives as long as the reviews)
    def _central(self, key: str, about: str) -> str:
        sentences = [
            sentence
            for sentence in dict.fromkeys(self._sentences.get(key, ()))
            if about == OF_ITEM or not self._named.search(sentence)
        ]
        return most_central(sentences[:_MOST_SENTENCES])


def most_central(sentences: list[str]) -> str:
    """Returns the sentence nearest to the centroid of all; "" of none.

    Args:
      sentences: Different ones.

    >>> most_central(["屏幕很清晰", "屏幕清晰漂亮", "送货员态度好"])
    '屏幕清晰漂亮'
    """
    if not sentences:
        return ""
    counts = [Counter(_pairs(sentence)) for sentence in sentences]
    having = Counter(pair for found in counts for pair in found)
    columns = {pair: n for n, pair in enumerate(having)}
    rarity = {
        pair: np.log((1 + len(sentences)) / count)
        for pair, count in having.items()
    }
    centroid = np.zeros(len(columns))
    vectors = []
    for found in counts:
        rows = np.array([columns[pair] for pair in found], np.int64)
        values = np.array([n * rarity[pair] for pair, n in found.items()])
        values = values / max(float(np.linalg.norm(values)), 1e-9)
        centroid[rows] += values
        vectors.append((rows, values))
    nearness = [float(values @ centroid[rows]) for rows, values in vectors]
    return sentences[int(np.argmax(nearness))]


def read_reviews(path: pathlib.Path, names: Iterable[str] = ()) -> Reviews:
    """Reads reviews.

    Args:
      path: CSV, or a zip of one: a column `item_id` or `category` (or `cat`),
        a column `review` (or `text`, `comment`), and, if there is one, `label`
        (1 approves) or `rating` (4 and 5 do).
      names: Brands and products of the shop.

    Raises:
      DataError: It cannot be read, or a column is missing.
    """
    try:
        reader = csv.DictReader(io.StringIO(_text(path)))
        names = reader.fieldnames or []
        key = _column(path, names, _KEYS)
        text = _column(path, names, _TEXTS)
        label = next((name for name in _LABELS if name in names), "")
        return Reviews(
            (
                (row[key] or "", row[text] or "")
                for row in reader
                if _approves(label, row.get(label))
            ),
            names,
        )
    except (
        OSError,
        UnicodeDecodeError,
        zipfile.BadZipFile,
        csv.Error,
    ) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _text(path: pathlib.Path) -> str:
    if path.suffix != ".zip":
        return path.read_text(encoding="utf-8-sig")
    with zipfile.ZipFile(path) as packed:
        names = [n for n in packed.namelist() if n.endswith(".csv")]
        if not names:
            raise DataError(f"{path} holds no CSV file")
        return packed.read(names[0]).decode("utf-8-sig")


def _column(
    path: pathlib.Path, names: Sequence[str], allowed: tuple[str, ...]
) -> str:
    there = [name for name in allowed if name in names]
    if not there:
        raise DataError(
            f"{path} has the columns {', '.join(names) or 'none'}; needed: "
            f"one of {', '.join(allowed)}"
        )
    return there[0]


def _approves(label: str, value: str | None) -> bool:
    if not label:
        return True
    try:
        number = float(value or "")
    except ValueError:
        return False
    return number >= 4 if label == "rating" else number >= 1


def _pairs(text: str) -> list[str]:
    return [text[n : n + 2] for n in range(len(text) - 1)]
