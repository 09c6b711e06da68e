"""Words that Chinese advertising law keeps out of a text.

`advertising_law.tsv` is the list that is maintained: patterns of words that
are banned, and of uses of the same words that are none of a claim, each with
where that stands. The law (广告法第九条第三项) names three, 国家级, 最高级 and
最佳, and means what is like them; the rest is what authorities have fined.
What the law does not mean stands in 《广告绝对化用语执法指南》 (市场监管总局
公告 2023 年第 6 号): order and time (最近, 第一次), advice on use
(最佳食用期), contents by a standard (100%棉), the bound of a discount
(最高立减 30%), and names that tell a product from others. Of names only the
brand counts here: a seller's title mixes names with claims.

Grades of a national standard (特级初榨, 一级能效) are not on the list.
"""

import csv
import dataclasses
import functools
import pathlib
import re
import unicodedata
from collections.abc import Iterable

LIST = pathlib.Path(__file__).with_name("advertising_law.tsv")
_BANNED, _ALLOWED = "banned", "allowed"
# Stands for what was allowed, so that its neighbours do not meet.
_GAP = "\0"


@dataclasses.dataclass(frozen=True)
class BannedWord:
    """A word that was found.

    Attributes:
      word: As it stands in the text.
      source: What forbids it.
    """

    word: str
    source: str


def banned_words(text: str, names: Iterable[str] = ()) -> list[BannedWord]:
    """Finds banned words.

    Args:
      text: What shoppers would read.
      names: Brands that the text may name, whatever they are called.

    Returns:
      The words in the order of the text.

    >>> [found.word for found in banned_words("全网最低价，第一次用也顺手")]
    ['最']
    >>> banned_words("宝贝第一 安全座椅", names=["宝贝第一"])
    []
    """
    text = unicodedata.normalize("NFKC", text)
    # The longest first: one name may be part of another.
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = text.replace(unicodedata.normalize("NFKC", name), _GAP)
    banned, allowed = _patterns()
    text = allowed.sub(_GAP, text)
    found = [
        (match.start(), BannedWord(match.group(), source))
        for pattern, source in banned
        for match in pattern.finditer(text)
    ]
    return [word for _, word in sorted(found, key=lambda one: one[0])]


@functools.cache
def _patterns() -> tuple[list[tuple[re.Pattern, str]], re.Pattern]:
    with LIST.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    banned = [
        (re.compile(row["pattern"]), row["source"])
        for row in rows
        if row["kind"] == _BANNED
    ]
    allowed = "|".join(
        row["pattern"] for row in rows if row["kind"] == _ALLOWED
    )
    return banned, re.compile(allowed)
