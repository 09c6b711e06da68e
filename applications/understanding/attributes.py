"""Colour, material, sizes, capacities, packs: what a title says of an item.

Numbers with units are patterns. Colours and materials are words that the
catalogue itself uses, several times, and whose end names a colour or a
material: 远山蓝 and 304不锈钢 are learned, not listed.
"""

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence

from applications.understanding.spans import Folded, Found, fold

_NUMBER = r"(?<![\d.])\d+(?:\.\d+)?"
_PIECES = (
    r"片|包|袋|支|瓶|盒|罐|只|个|件|条|双|卷|块|枚|粒|颗|本|张|抽|斤|把|套|根"
)
# Name of the attribute and its pattern on folded text; an earlier one takes
# its characters from a later one.
PATTERNS = (
    ("model", r"(?<![a-z0-9])[a-z]{1,4}-?\d{2,5}[a-z]{0,3}(?![a-z0-9])"),
    ("storage", r"\d+(?:gb|tb)(?:\s*\+\s*\d+(?:gb|tb))?|\d+g\s*\+\s*\d+g"),
    ("battery", rf"{_NUMBER}\s*(?:mah|毫安时?)"),
    ("power", rf"{_NUMBER}\s*(?:kw|w|瓦|匹)(?![a-z])"),
    ("capacity", rf"{_NUMBER}\s*(?:ml|毫升|升|l)(?![a-z])"),
    ("weight", rf"{_NUMBER}\s*(?:kg|千克|公斤|克|g|斤)(?![a-z])"),
    (
        "size",
        rf"{_NUMBER}\s*[x*]\s*\d+(?:\.\d+)?\s*(?:cm|mm|米|厘米|m)?(?![a-z])"
        rf"|{_NUMBER}\s*(?:cm|mm|厘米|毫米|米|英寸|寸|尺|码|m)(?![a-z])"
        r"|(?<![a-z0-9])(?:xs|s|m|l|x{1,3}l|\dxl)码",
    ),
    ("duration", rf"{_NUMBER}\s*(?:小时|分钟|天)"),
    ("frequency", rf"{_NUMBER}\s*(?:hz|mhz|ghz)"),
    (
        "pack",
        rf"{_NUMBER}\s*(?:{_PIECES})(?:装|整箱|一箱|套装|礼盒)?"
        r"|[一二两三四五六七八九十]+(?:片|包|袋|支|瓶|盒|罐|只|件|条|双)装",
    ),
    ("year", r"(?<!\d)20[12]\d(?=款|新款|年)"),
)
# Attributes that tell one product from another.
DISTINGUISHING = frozenset(name for name, _ in PATTERNS) | {"colour"}

_COLOUR = re.compile(
    r"[\u4e00-\u9fff]{0,3}"
    r"(?:色|[黑白红蓝绿黄紫粉灰银金棕青橙咖褐]|藏青|卡其|驼|杏)$"
)
# Ends of words that are no colours: milk powder, lipstick, protein, …
_NO_COLOUR = re.compile(
    r"(?:[奶米麦辣肌加藕面]粉|口红|[显美空蛋]白|合金|骆驼|肤色|酵色|黑咖|本色)$"
)
_MATERIAL = re.compile(
    r"[\da-z\u4e00-\u9fff.%]{0,4}(?:不锈钢|硅胶|陶瓷|玻璃|实木|铝合金|碳纤维|"
    r"[纯全]棉|亚麻|冰丝|真丝|羊毛|羊绒|珊瑚绒|法兰绒|[牛羊]皮|乳胶|塑料|pp|"
    r"tpe|铝框|竹|铸铁|钛|帆布|尼龙|橡胶|记忆棉|莫代尔)$"
)
_WORDS = re.compile(r"[^\s,，、;；|/【】\[\]()（）]+")
_LONGEST_WORD = 10
_FEWEST = 2
_UNITS = {
    **{"毫升": "ml", "升": "l", "千克": "kg", "公斤": "kg", "克": "g"},
    **{"厘米": "cm", "毫米": "mm", "毫安时": "mah", "毫安": "mah", "瓦": "w"},
}
_UNIT = re.compile("|".join(sorted(_UNITS, key=len, reverse=True)))


@dataclasses.dataclass(frozen=True)
class Attributes:
    """What a catalogue's words say.

    Attributes:
      words: Folded word to the attribute's name.
    """

    words: dict[str, str]

    @classmethod
    def learn(
        cls,
        titles: Sequence[str],
        tags: Sequence[Iterable[str] | None] = (),
        brands: Iterable[str] = (),
    ) -> "Attributes":
        """Reads the words of a catalogue.

        Args:
          titles: Of its items.
          tags: Their tags, where it has any.
          brands: Its brands, which are neither colours nor materials, though
            some end like them.
        """
        seen: collections.Counter[str] = collections.Counter()
        for row, title in enumerate(titles):
            said = set(_WORDS.findall(fold(title).text))
            if row < len(tags):
                said |= {fold(tag).text for tag in tags[row] or ()}
            seen.update(word for word in said if len(word) <= _LONGEST_WORD)
        taken = {fold(brand).text for brand in brands}
        named = {
            word: _kind(word)
            for word, n in seen.items()
            if n >= _FEWEST and word not in taken
        }
        return cls({word: name for word, name in named.items() if name})

    def find(self, titles: Sequence[str]) -> list[list[Found]]:
        """Finds the attributes of each title, in the order of the title."""
        matchers = [
            ("pattern", name, re.compile(text)) for name, text in PATTERNS
        ]
        longest = sorted(self.words, key=len, reverse=True)
        if longest:
            words = re.compile("|".join(map(re.escape, longest)))
            matchers.append(("dictionary", "", words))
        return [self._find(matchers, fold(title)) for title in titles]

    def _find(self, matchers, title: Folded) -> list[Found]:
        taken = [False] * len(title.text)
        found = []
        for source, name, pattern in matchers:
            for match in pattern.finditer(title.text):
                start, end = match.span()
                if any(taken[start:end]):
                    continue
                taken[start:end] = [True] * (end - start)
                first, last = title.span(start, end)
                found.append(
                    Found(
                        name=name or self.words[match[0]],
                        value=canonical(match[0]),
                        start=first,
                        end=last,
                        source=source,
                    )
                )
        return sorted(found, key=lambda one: one.start)


def canonical(value: str) -> str:
    """Writes a value in one form.

    >>> canonical("500 毫升"), canonical("1.50kg")
    ('500ml', '1.50kg')
    """
    return _UNIT.sub(lambda unit: _UNITS[unit[0]], re.sub(r"\s+", "", value))


def _kind(word):
    if _MATERIAL.fullmatch(word):
        return "material"
    if len(word) < 2 or _NO_COLOUR.search(word):
        return ""
    return "colour" if _COLOUR.fullmatch(word) else ""
