"""What to call an item in a sentence: shorter than its title."""

import re

from applications.copywriting.advertising_law import banned_words
from applications.items import Item

# A model number, or any other word without a Chinese character.
_CODE = re.compile(r"[A-Za-z0-9.+\-/]+", re.ASCII)
_CLAUSE = re.compile(r"[^，。；！？、,;!?()（）【】\[\]|]+")
_LONGEST_NAME = 14
_LONGEST_HEADLINE = 30


def headline(item: Item) -> str:
    """Returns brand and name, or the beginning of the title.

    Sellers write `brand, model, name, attributes`, divided by spaces. Where a
    title is not like that, its first clauses stand for it.

    Returns:
      Words of the item's data, put together; empty where it has no title, or
      where what it is called is banned in advertisements.

    >>> headline(Item(item_id="i", title="罗技 KF-35D 无线鼠标 静音",
    ...               brand="罗技", tags=("静音",)))
    '罗技无线鼠标'
    >>> headline(Item(item_id="i", title="蔡康永的说话之道"))
    '蔡康永的说话之道'
    """
    name = product_name(item)
    if name and item.brand:
        divided = item.brand[-1].isascii() and name[0].isascii()
        found = f"{item.brand}{' ' if divided else ''}{name}"
    else:
        found = _beginning(item.title)
    return "" if banned_words(found, [item.brand]) else found


def points(item: Item) -> list[str]:
    """Returns attributes to name: its tags, none that the law bans."""
    return [
        tag for tag in item.tags if tag and not banned_words(tag, [item.brand])
    ]


def tips(item: Item) -> list[str]:
    """Returns sentences of the description that do not repeat the title."""
    known = [item.brand, *item.tags]
    return [
        sentence
        for sentence in re.split(r"[。！!\n]", item.description)
        if sentence.strip()
        and len(sentence) <= _LONGEST_HEADLINE
        and not any(word and word in sentence for word in known)
        and not banned_words(sentence, [item.brand])
    ]


def product_name(item: Item) -> str:
    """Returns the word of the title that says what it is; "" without one."""
    for word in item.title.split():
        if (
            word not in (item.brand, *item.tags)
            and not _CODE.fullmatch(word)
            and len(word) <= _LONGEST_NAME
        ):
            return word
    return ""


def _beginning(title: str) -> str:
    clauses = _CLAUSE.findall(title)
    if title and len(title) <= _LONGEST_HEADLINE:
        return title.strip()
    for clause in clauses:
        words = ""
        for word in clause.split():
            longer = f"{words} {word}".strip()
            if len(longer) > _LONGEST_HEADLINE:
                break
            words = longer
        if words:
            return words
    return ""
