"""Puts an answer into words, line by line, each with the facts it may state.

A line about an item may state that item's facts and no other's, so that a
price never moves from one to the next. Every line is checked like the texts of
`applications.copywriting`; one that does not pass is said with less.
"""

import dataclasses
from collections.abc import Sequence

from applications.assistant.accessories import Accessories
from applications.assistant.amounts import Prices
from applications.assistant.comparing import Comparison
from applications.assistant.finding import BRAND, PRICE, Result
from applications.copywriting.checking import check
from applications.copywriting.facts import (
    Facts,
    item_facts,
    price_text,
    stated,
)
from applications.copywriting.naming import headline, points
from applications.items import Item
from schema.contract import CATEGORY_SEPARATOR

_MOST_POINTS = 4
_NOTHING = "没有找到合适的商品"
_CLOSING = "如需了解更多，可以随时再问我。"
_ANY = "商品"
# What the answer may say of its own making.
_OWN_WORDS = (
    _NOTHING,
    "没有找到",
    "换个说法",
    "下面是相近的",
    "价格相差",
    "价格相同",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """A line of an answer.

    Attributes:
      text: What the customer reads.
      facts: What it may state.
      item_id: What it is about; empty where about no item.
    """

    text: str
    facts: Facts
    item_id: str = ""


def found_lines(result: Result, brands: frozenset[str]) -> list[Line]:
    """Says what was found.

    Args:
      result: What was found.
      brands: All brands of the shop.
    """
    if not result.items:
        return [_own(f"您好，{_NOTHING}，请换个说法再问我。")]
    kind, limits = _leaf(result.categories), _limits(result.prices)
    brand = "、".join(result.brands)
    wanted = "".join([f"{limits}的" if limits else "", brand, kind or _ANY])
    count = f"{len(result.items)}款"
    begin = f"您好，为您找到{count}{wanted}，供您参考："
    if result.let_go:
        missed = {BRAND: "这个品牌", PRICE: "这个价格"}
        named = "和".join(missed[name] for name in result.let_go)
        begin = f"您好，没有找到{named}的{kind or _ANY}，下面是相近的："
    facts = stated(
        *_OWN_WORDS,
        count,
        limits,
        *result.brands,
        brand,
        kind,
        "这个品牌",
        "这个价格",
    )
    return [
        _checked([begin, "您好，为您找到以下商品："], facts),
        *(item_line(item, brands) for item in result.items),
        _own(_CLOSING),
    ]


def compared_lines(
    comparison: Comparison, brands: frozenset[str]
) -> list[Line]:
    """Says what two items are, and what one costs more."""
    left, right = comparison.left, comparison.right
    lines = [
        _own("您好，为您比较以下两款："),
        item_line(left, brands),
        item_line(right, brands),
    ]
    if left.price is not None and right.price is not None:
        apart = abs(round(left.price - right.price, 2))
        text = f"价格相差{price_text(apart)}元" if apart else "价格相同"
        lines.append(_checked([f"{text}。"], stated(text)))
    if comparison.others:
        lines.append(_own("同时供您参考："))
        lines += [item_line(item, brands) for item in comparison.others]
    lines.append(_own("区别列在下面的表中，可以按自己的需要选择。"))
    return lines


def accessory_lines(
    accessories: Accessories, brands: frozenset[str]
) -> list[Line]:
    """Says what goes with what the customer has."""
    result, owned = accessories.result, accessories.owned
    if not result.items:
        return found_lines(result, brands)
    begin = "您好，可以搭配的商品供您参考："
    if owned and accessories.kinds:
        kinds = "、".join(accessories.kinds)
        begin = f"您好，有了{owned}，可以一起看看{kinds}，供您参考："
    elif owned:
        begin = f"您好，与{owned}搭配，供您参考："
    facts = stated(
        *_OWN_WORDS,
        *accessories.kinds,
        *owned.split("、"),
        "可以搭配的",
        "有了",
        "可以一起看看",
    )
    return [
        _checked([begin, "您好，供您参考："], facts),
        *(item_line(item, brands) for item in result.items),
        _own(_CLOSING),
    ]


def policy_lines(text: str) -> list[Line]:
    """Says a policy, word for word."""
    return [Line(text=f"您好，{text}", facts=stated(text, f"您好、{text}"))]


def item_line(item: Item, brands: frozenset[str]) -> Line:
    """Says what an item is and costs."""
    name = headline(item)
    price = "" if item.price is None else f"，{price_text(item.price)}元"
    named = "、".join(points(item)[:_MOST_POINTS])
    facts = item_facts(item, brands)
    line = _checked(
        [
            f"{name}：{named}{price}" if name and named else "",
            f"{name}{price}" if name else "",
            f"{item.leaf}{price}" if item.leaf else "",
            "这款商品",
        ],
        facts,
    )
    return dataclasses.replace(line, item_id=item.item_id)


def comparison_table(left: Item, right: Item) -> list[tuple[str, str, str]]:
    """Returns the facts of two items beside each other.

    Returns:
      Rows of a name and what each item has; "" for what it has not.
    """
    shared = [tag for tag in left.tags if tag in right.tags]

    def own(item: Item) -> str:
        return "、".join(tag for tag in item.tags if tag not in shared)

    def price(item: Item) -> str:
        return "" if item.price is None else f"{price_text(item.price)}元"

    both = "、".join(shared)
    rows = [
        ("商品", left.title, right.title),
        ("价格", price(left), price(right)),
        ("品牌", left.brand, right.brand),
        ("类目", left.category, right.category),
        ("相同", both, both),
        ("不同", own(left), own(right)),
    ]
    return [row for row in rows if row[1] or row[2]]


def passes(line: Line) -> bool:
    """Says whether a line may be shown."""
    return not check(line.text, line.facts)


def _own(text: str) -> Line:
    return Line(text=text, facts=stated(*_OWN_WORDS))


def _checked(candidates: Sequence[str], facts: Facts) -> Line:
    """Returns the first candidate that passes, the last where none does."""
    lines = [Line(text=text, facts=facts) for text in candidates if text]
    return next((line for line in lines if passes(line)), lines[-1])


def _leaf(categories: Sequence[str]) -> str:
    """Returns what one category is called; "" of several."""
    if len(categories) != 1:
        return ""
    return categories[0].rpartition(CATEGORY_SEPARATOR)[2]


def _limits(prices: Prices) -> str:
    low, high = prices.low, prices.high
    if low and high is not None:
        return f"{price_text(low)}到{price_text(high)}元"
    if high is not None:
        return f"{price_text(high)}元以内"
    return f"{price_text(low)}元以上" if low else ""
