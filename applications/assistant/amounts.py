"""Reads how much a shopper wants to spend out of a Chinese sentence."""

import dataclasses
import re

_DIGITS = {d: n for n, d in enumerate("零一二三四五六七八九")} | {"两": 2}
_UNITS = {"十": 10, "百": 100, "千": 1000, "k": 1000, "万": 10_000}
_CHINESE = "零一二两三四五六七八九十百千万"
_CURRENCY = r"(?:块钱|块|元|圆|rmb|人民币)"
_AMOUNT = rf"(?:\d+(?:\.\d+)?[百千万k]?|[{_CHINESE}]+)"
# What is wanted of about a price may cost so much less or more.
_ABOUT = 0.3
# Without a currency no smaller number is a price.
_LEAST = 10
_TO = r"(?:到|至|-|~|—|–)"
# Words before and behind an amount that say which way it limits.
_NOT_ABOVE = (
    r"(?:不要?超过|别超过|不能超过|不到|不高于|低于|少于|控制在|最多"
    r"|预算(?:是|在|只有|就|大概|有)?)"
)
_NOT_BELOW = r"(?:超过|高于|大于|不低于|至少)"
_BELOW = r"(?:以内|以下|之内|之下|内|封顶|不到)"
_ABOVE = r"(?:以上|之上|起步|往上|开外)"
_AROUND = r"(?:左右|上下|的样子|前后|附近)"
# A number of these is no price.
_OTHER = re.compile(
    r"个|寸|英寸|匹|岁|口|升|毫|度|天|年|月|日|人|斤|公|克|米|片|瓶|包|只|条|双"
    r"|码|号|支|段|键|核|代|级|次|位|套|款|件|斗|层|ml|g|kg|l|w|t|gb|tb|cm|mm"
)


@dataclasses.dataclass(frozen=True)
class Prices:
    """Limits in CNY.

    Attributes:
      low: 0 for none.
      high: None for none.
      wish: `low` or `high` where the shopper wants it cheap, or good, and
        names no number; empty where not.
    """

    low: float = 0.0
    high: float | None = None
    wish: str = ""

    def __bool__(self) -> bool:
        """Says whether a number limits anything."""
        return self.low > 0 or self.high is not None


NO_LIMIT = Prices()


def number(text: str) -> float:
    """Reads a number as people write it.

    Args:
      text: Digits, Chinese numerals, or digits and a unit.

    Raises:
      ValueError: It is none.

    >>> [number(t) for t in ("300", "1.5k", "三百", "一百五", "两千", "一万二")]
    [300.0, 1500.0, 300.0, 150.0, 2000.0, 12000.0]
    >>> number("十五"), number("一千零五十")
    (15.0, 1050.0)
    """
    if re.fullmatch(r"\d+(?:\.\d+)?[百千万k]?", text):
        unit = _UNITS.get(text[-1], 1)
        return round(float(text.rstrip("百千万k")) * unit, 2)
    total, digit, last = 0.0, 0, 0
    for sign in text:
        if sign in _UNITS:
            last = _UNITS[sign]
            if last == _UNITS["万"]:
                total = (total + digit) * last
            else:
                total += (digit or 1) * last
            digit = 0
        elif sign == "零":
            digit, last = 0, 0
        elif sign in _DIGITS and not digit:
            digit = _DIGITS[sign]
        else:
            raise ValueError(f"{text!r} is no number")
    # 一百五 is 150, 一百零五 is 105.
    return total + digit * (last // 10 if last > 10 else 1)


def _patterns():
    money = rf"(?P<a>{_AMOUNT})\s*(?P<unit>{_CURRENCY})?\s*(?:钱)?"
    second = rf"(?P<b>{_AMOUNT})\s*(?P<unit_b>{_CURRENCY})?"
    return tuple(
        (kind, re.compile(pattern))
        for kind, pattern in (
            ("range", rf"{money}{_TO}\s*{second}"),
            (
                "pair",
                rf"(?P<a>[一二三四五六七八九])(?P<b>[二三四五六七八九])(?P<scale>[百千])(?P<unit>{_CURRENCY})?",
            ),
            ("max", rf"{_NOT_ABOVE}\s*{money}"),
            ("min", rf"{_NOT_BELOW}\s*{money}"),
            ("more", rf"(?P<a>{_AMOUNT})多(?P<unit>{_CURRENCY})?"),
            ("max", rf"{money}(?:钱)?{_BELOW}"),
            ("min", rf"{money}(?:钱)?{_ABOVE}"),
            ("about", rf"{money}(?:钱)?{_AROUND}"),
            ("money", rf"(?P<a>{_AMOUNT})\s*(?P<unit>{_CURRENCY})"),
        )
    )


_PATTERNS = _patterns()
_CHEAP = re.compile(
    r"便宜|实惠|性价比|平价|划算|不(?:要|用)?太?贵|别太贵|低价|经济一?点|省钱"
)
_DEAR = re.compile(r"高端|高档|上档次|贵一?点|豪华|档次高|品质好")


def find_prices(text: str) -> tuple[Prices, str]:
    """Finds what limits the price.

    Args:
      text: The question, in lower case and half-width letters.

    Returns:
      The limits, and the text without the words that gave them.

    >>> find_prices("三百以内的无线鼠标")
    (Prices(low=0.0, high=300.0, wish=''), '的无线鼠标')
    >>> find_prices("200-500元的音箱")[0]
    Prices(low=200.0, high=500.0, wish='')
    >>> find_prices("两个人住四室，65寸电视")[0]
    Prices(low=0.0, high=None, wish='')
    """
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if (found := _read(kind, match, text)) is not None:
                rest = text[: match.start()] + text[match.end() :]
                return found, rest
    if match := _CHEAP.search(text):
        return Prices(wish="low"), text.replace(match.group(), "", 1)
    if match := _DEAR.search(text):
        return Prices(wish="high"), text.replace(match.group(), "", 1)
    return NO_LIMIT, text


def _read(kind: str, match: re.Match, text: str) -> Prices | None:
    """Returns the limits of a match, None where it is no price."""
    groups = match.groupdict()
    try:
        first = number(groups["a"])
        second = number(groups["b"]) if groups.get("b") else 0.0
    except ValueError:
        return None
    if kind == "pair":
        scale = _UNITS[groups["scale"]]
        return Prices(first * scale, (second + 1) * scale - 1)
    if not (groups.get("unit") or groups.get("unit_b")):
        behind = match.end("b" if groups.get("b") else "a")
        if _OTHER.match(text, behind) or max(first, second) < _LEAST:
            return None
    if kind == "range":
        # 三到五百 is 300 to 500.
        if first < _LEAST <= second:
            first *= 10 ** (len(str(int(second))) - 1)
        return Prices(first, second) if first <= second else None
    limits = {
        "more": Prices(first, first + _lowest_unit(first) - 1),
        "max": Prices(0.0, first),
        "min": Prices(first),
    }
    about = Prices(
        round(first * (1 - _ABOUT), 2), round(first * (1 + _ABOUT), 2)
    )
    return limits.get(kind, about)


def _lowest_unit(amount: float) -> float:
    """Returns 100 of 300 and 1000 of 2000: what 多 is less than."""
    unit = 1
    while amount and amount % (unit * 10) == 0:
        unit *= 10
    return float(unit)
