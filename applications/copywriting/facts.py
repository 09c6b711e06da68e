"""What may be said of an item: its data, cut into pieces that stand alone.

A piece is a word or a clause that is true of the item wherever it stands: a
tag, a clause of the description, the price as people write it. Pieces are
never cut so that they say something else: `不锈钢` gives no `锈钢`, `3片装` no
number alone.
"""

import dataclasses
import datetime
import re
import unicodedata
from collections.abc import Iterable, Iterator

from applications.copywriting.campaigns import Campaign
from applications.items import Item
from schema.contract import CATEGORY_SEPARATOR

# Shops live by Chinese time.
_LOCAL = datetime.timezone(datetime.timedelta(hours=8))
_CLAUSE_ENDS = re.compile(r"[，。；！？、,;!?\s|()（）【】\[\]《》:：·~/]+")
_HAN = re.compile(r"[\u4e00-\u9fff]+")
_LATIN = re.compile(r"[a-z0-9][a-z0-9.+\-]*", re.ASCII)
_LETTER = re.compile(r"[a-z]", re.ASCII)
# Before a word they turn its meaning round: the rest must not stand alone.
_TURNING = "不无非免防抗去除零未没低少0"
# A rest of one character says too little to be about anything.
_SHORTEST = 2

# What goes without saying of every coupon.
_OF_COUPONS = ("先领券再下单", "开始领取", "可用")

BOUGHT = {"buy": "购买", "cart": "加购", "favorite": "收藏", "click": "点击"}
SEEN = "浏览"


def normal(text: str) -> str:
    """Returns text as it is compared: compatible forms and case folded.

    A Chinese comma stays apart from that of a number.
    """
    text = text.replace("，", "、")
    return unicodedata.normalize("NFKC", text).lower()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What a text may state.

    Attributes:
      pieces: Words and clauses, as `normal` gives them.
      quotes: What may stand between 「 and 」, whole.
      brands: Whose names the text may use.
    """

    pieces: frozenset[str] = frozenset()
    quotes: frozenset[str] = frozenset()
    brands: frozenset[str] = frozenset()

    def __or__(self, other: "Facts") -> "Facts":
        """Returns the facts of both."""
        return Facts(
            pieces=self.pieces | other.pieces,
            quotes=self.quotes | other.quotes,
            brands=self.brands | other.brands,
        )


def stated(*pieces: str, quotes: Iterable[str] = ()) -> Facts:
    """Returns facts that come from elsewhere, piece by piece."""
    return Facts(
        pieces=frozenset(map(normal, filter(None, pieces))),
        quotes=frozenset(quotes),
    )


def item_facts(item: Item, brands: frozenset[str] = frozenset()) -> Facts:
    """Returns what may be said of an item.

    Args:
      item: Of which.
      brands: All brands of the shop: a part of a word that is another brand
        is no piece, as 苹果 of a case `苹果16适用`.
    """
    others = {normal(brand) for brand in brands if brand != item.brand}
    pieces = {item.title, item.brand, *price_pieces(item.price)}
    pieces.update(item.category.split(CATEGORY_SEPARATOR))
    for text in (item.title, item.description, *item.tags):
        pieces.update(_CLAUSE_ENDS.split(text))
    pieces.update(item.tags)
    whole = {normal(piece) for piece in pieces if piece}
    parts = {part for piece in whole for part in _parts(piece)} - others
    return Facts(
        pieces=frozenset(whole | parts),
        brands=frozenset({item.brand} - {""}),
    )


def shared_facts(item: Item, other: Item) -> Facts:
    """Returns what may be said of an item beside another one.

    Args:
      item: Which the text is about.
      other: What the shopper knows.
    """
    pieces = []
    if item.brand and item.brand == other.brand:
        pieces += ["同品牌", f"同是{item.brand}", f"也是{item.brand}"]
    if item.category and item.category == other.category:
        pieces += ["同类", f"也是{item.leaf}"]
    pieces += [f"同属{level}" for level in shared_levels(item, other)]
    pieces += [f"同样{tag}" for tag in item.tags if tag in other.tags]
    return stated(*pieces)


def shared_levels(item: Item, other: Item) -> list[str]:
    """Returns the levels that two items' categories begin with.

    >>> case = Item(item_id="1", category="数码/手机配件/手机壳")
    >>> film = Item(item_id="2", category="数码/手机配件/手机膜")
    >>> shared_levels(case, film)
    ['数码', '手机配件']
    """
    paths = (one.category.split(CATEGORY_SEPARATOR) for one in (item, other))
    shared = []
    for mine, theirs in zip(*paths, strict=False):
        if not mine or mine != theirs:
            break
        shared.append(mine)
    return shared


def campaign_facts(campaign: Campaign) -> Facts:
    """Returns what may be said of a campaign: its row, and its days."""
    pieces = [campaign.title, campaign.description]
    for text in (campaign.title, campaign.description):
        pieces += _CLAUSE_ENDS.split(text)
    for place in campaign.categories:
        pieces += place.split(CATEGORY_SEPARATOR)
    for moment in filter(None, (campaign.starts_at, campaign.last_moment)):
        pieces += [day_text(moment), f"{day_text(moment)}起"]
    if campaign.kind == "coupon":
        pieces += _OF_COUPONS
    if percent := percent_off(campaign):
        pieces += [f"优惠{percent}%", f"{price_text(10 - percent / 10)}折"]
    return stated(*pieces)


def percent_off(campaign: Campaign) -> int:
    """Returns what a flash sale takes off each price; 0 for none.

    A festival's share is its largest, a coupon's holds at its threshold: both
    say so in their own words.
    """
    if campaign.kind != "flash_sale" or not campaign.discount:
        return 0
    return round(campaign.discount * 100)


def day_text(moment: int) -> str:
    """Returns the Chinese day of Unix seconds.

    >>> day_text(1_762_617_600)
    '11月9日'
    """
    day = datetime.datetime.fromtimestamp(moment, _LOCAL)
    return f"{day.month}月{day.day}日"


def price_text(price: float) -> str:
    """Returns a price as shops write it.

    >>> price_text(35.9), price_text(129.0), price_text(12.55)
    ('35.9', '129', '12.55')
    """
    return f"{price:.2f}".rstrip("0").rstrip(".")


def price_pieces(price: float | None) -> list[str]:
    """Returns the ways to write a price, none where it is unknown."""
    if price is None:
        return []
    written = {price_text(price), f"{price:.2f}", f"{price:.1f}"}
    exact = {text for text in written if float(text) == round(price, 2)}
    return sorted(form for text in exact for form in (f"¥{text}", f"{text}元"))


def _parts(piece: str) -> Iterator[str]:
    """Gives the words inside a piece that can stand alone."""
    for match in _HAN.finditer(piece):
        before = piece[: match.start()]
        word = match.group()
        if len(word) >= _SHORTEST and not before.endswith(tuple(_TURNING)):
            yield word
    for match in _LATIN.finditer(piece):
        word = match.group().strip(".+-")
        if len(word) >= _SHORTEST and _LETTER.search(word):
            yield word
