"""What people type into the search box, and which leaf they mean."""

import dataclasses

import numpy as np

from datasets.mall.catalogue import Catalogue
from datasets.mall.randomness import generator
from datasets.mall.settings import MallSettings

# Slips of people who type pinyin and take the first suggestion.
_SLIPS = {
    "充": "冲", "耳": "尔", "壳": "克", "锅": "过", "霜": "双", "线": "现",
    "鞋": "协", "箱": "厢", "器": "气", "膜": "模", "杯": "背", "粮": "良",
    "包": "胞", "裤": "库", "衣": "依", "纸": "只", "奶": "乃", "机": "几",
    "水": "谁", "油": "由", "灯": "登", "垫": "店", "液": "夜", "书": "输",
}  # fmt: skip
KINDS = ("name", "brand", "attribute", "typo", "partial")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Queries:
    """All texts, sorted by the leaf that is meant.

    Attributes:
      texts: Distinct texts.
      leaf: int64 [queries], the leaf that is meant.
      kind: Row of KINDS for each.
      weight: float64 [queries], how often among the leaf's plain texts; 0
        for those with a brand or an attribute.
      first: int64 [leaves + 1], range of each leaf.
      of_offer: int64 [offers, 2], texts with the offer's brand.
      of_option: int64 [options, 2], texts with the option.
    """

    texts: tuple[str, ...]
    leaf: np.ndarray
    kind: np.ndarray
    weight: np.ndarray
    first: np.ndarray
    of_offer: np.ndarray
    of_option: np.ndarray


def _slip(name):
    for right, wrong in _SLIPS.items():
        if right in name:
            return name.replace(right, wrong, 1)
    return ""


class _Writer:
    """Collects texts; one that another leaf has gets the leaf's name too."""

    def __init__(self):
        self.texts, self.leaves, self.kinds, self.weights = [], [], [], []
        self.known = {}

    def add(self, leaf_name, leaf, text, kind, weight=0.0):
        if text in self.known and self.leaves[self.known[text]] != leaf:
            text = f"{text} {leaf_name}"
        if text not in self.known:
            self.known[text] = len(self.texts)
            self.texts.append(text)
            self.leaves.append(leaf)
            self.kinds.append(KINDS.index(kind))
            self.weights.append(weight)
        return self.known[text]


def build_queries(settings: MallSettings, catalogue: Catalogue) -> Queries:
    """Makes the texts for every leaf, brand and attribute of a catalogue.

    Args:
      settings: Seed.
      catalogue: What is sold.
    """
    rng = generator(settings.seed, "queries")
    writer = _Writer()
    leaf_names = {leaf.name for leaf in catalogue.leaves}
    every = {n for leaf in catalogue.leaves for n in leaf.names} | leaf_names
    of_offer = np.zeros((len(catalogue.offer_brands), 2), np.int64)
    of_option = np.zeros((len(catalogue.option_words), 2), np.int64)
    first = [0]
    for number, leaf in enumerate(catalogue.leaves):
        plain = dict.fromkeys((leaf.name, *leaf.names))
        for rank, name in enumerate(plain):
            if name != leaf.name and name in leaf_names:
                continue
            weight = 6 / (1 + rank)
            writer.add(leaf.name, number, name, "name", weight)
        for name in plain:
            if (typo := _slip(name)) and typo not in every:
                writer.add(leaf.name, number, typo, "typo", 0.4)
            if len(name) > 3 and name[:2] not in every:
                writer.add(leaf.name, number, name[:3], "partial", 0.4)
        second = leaf.names[min(1, len(leaf.names) - 1)]
        for start, end, words, table, kind in (
            (
                catalogue.offer_first[number],
                catalogue.offer_first[number + 1],
                catalogue.offer_brands,
                of_offer,
                "brand",
            ),
            (
                catalogue.option_first[number],
                catalogue.option_first[number + 1],
                catalogue.option_words,
                of_option,
                "attribute",
            ),
        ):
            for row in range(start, end):
                gap = " " if rng.random() < 0.4 else ""
                for column, name in enumerate((leaf.names[0], second)):
                    word = words[row]
                    text = name if word in name else f"{word}{gap}{name}"
                    table[row, column] = writer.add(
                        leaf.name, number, text, kind
                    )
        first.append(len(writer.texts))
    return Queries(
        texts=tuple(writer.texts),
        leaf=np.array(writer.leaves),
        kind=np.array(writer.kinds),
        weight=np.array(writer.weights),
        first=np.array(first),
        of_offer=of_offer,
        of_option=of_option,
    )
