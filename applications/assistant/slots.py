"""What a question says of the items that are wanted."""

import dataclasses
import re

from applications.assistant.amounts import (
    NO_LIMIT,
    Prices,
    find_prices,
)
from applications.assistant.vocabulary import (
    Mention,
    Named,
    Vocabulary,
)

# Politeness and the frame of a question: nothing that a search should match.
_FRAME = re.compile(
    r"(?:请问|你好|您好|麻烦|我想(?:要|买|看看|问一?下)?|我要|想(?:要|买|给|找|换|看看)"
    r"|帮我(?:找|挑|选|推荐)?|给我|能不能|可不可以|有没有|有卖吗|有吗|求推荐|求|推荐"
    r"(?:一下|一?款|一?个|几[款个])?|买什么|买哪[个种款]|哪[个种款]好?|什么好|怎么样|好不好"
    r"|行吗|可以吗|合适吗|适合看什么|用什么|用啥|吃什么|来[一点几]?[个款箱包条双台]?"
    r"|一[个款台双条件把本套]|吗|呢|吧|啊|呀|[，。！？、,.!?;；：\s])+"
)
# Whom something is for, and how items say it.
_FOR_WHOM = {
    "爸|妈|父母|长辈|爷爷|奶奶|公公|婆婆": "送父母长辈 中老年",
    "妈妈|我妈|奶奶|婆婆|外婆": "女",
    "爸爸|我爸|爷爷|公公|外公": "男",
    "老人|老年": "老人 中老年",
    "女朋友|女友|老婆|媳妇|女生|女孩": "女",
    "男朋友|男友|老公|男生": "男",
    "宝宝|婴儿|新生儿": "宝宝 婴儿",
    "孩子|小孩|小朋友|儿子|女儿": "儿童",
    "学生|宿舍|考研": "学生 宿舍",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slots:
    """What a question says.

    Attributes:
      text: The question without price and frame: what to search for.
      prices: Limits.
      brands: That it names, in its order.
      kinds: Kinds of items that it names, in its order.
      whom: Words that items have for whom they are meant; may be empty.
    """

    text: str
    prices: Prices = NO_LIMIT
    brands: tuple[Named, ...] = ()
    kinds: tuple[Mention, ...] = ()
    whom: str = ""

    @property
    def kind(self) -> Mention | None:
        """The kind that is wanted: the surest, of these the last.

        A kind stands behind what describes it: 放手机的支架 is a 支架.
        """
        if not self.kinds:
            return None
        surest = max(mention.match for mention in self.kinds)
        return [m for m in self.kinds if m.match == surest][-1]


def read_slots(question: str, vocabulary: Vocabulary) -> Slots:
    """Reads a question.

    Args:
      question: Folded; see `applications.assistant.folding`.
      vocabulary: Of the shop.
    """
    prices, rest = find_prices(question)
    text = _FRAME.sub(" ", rest).strip()
    brands = vocabulary.find_brands(text)
    kinds = vocabulary.find_kinds(text)
    return Slots(
        text=text or question,
        prices=prices,
        brands=tuple(brands),
        kinds=tuple(_without_brands(kinds, brands, text)),
        whom=" ".join(
            words
            for sign, words in _FOR_WHOM.items()
            if re.search(sign, question)
        ),
    )


def _without_brands(
    kinds: list[Mention], brands: list[Named], text: str
) -> list[Mention]:
    """Leaves out kinds that are brands here.

    小米 is a grain and a maker, 苹果 a fruit and a maker: a maker where another
    kind is named, or a number follows.
    """
    named = {(brand.start, brand.end) for brand in brands}
    others = [m for m in kinds if (m.start, m.end) not in named]
    sure = [m for m in others if m.match.sure]
    return [
        mention
        for mention in kinds
        if mention in others
        or not (sure or text[mention.end : mention.end + 1].isdigit())
    ]
