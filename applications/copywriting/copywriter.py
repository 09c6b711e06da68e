"""Writes texts that may be shown: by template, or by a language model."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

from applications.copywriting import templates
from applications.copywriting.campaigns import Campaign
from applications.copywriting.checking import Problem, check
from applications.copywriting.endpoint import Endpoint, EndpointError
from applications.copywriting.facts import (
    Facts,
    campaign_facts,
    item_facts,
    stated,
)
from applications.copywriting.reasons import Why, reason_facts
from applications.copywriting.reviews import Reviews
from applications.copywriting.writing import Writer
from applications.items import Item

BY_TEMPLATE, BY_MODEL, BY_NOTHING = "template", "model", "nothing"
LONGEST = 160
# After so many failures in a row an endpoint is left alone.
_PATIENCE = 3

_RULES = (
    "你是电商文案编辑。只用给出的事实写一段中文，一到三句，不超过八十个字。"
    "不得加入事实里没有的数字、品牌、材质、功效、评价；事实的用词照抄。"
    "不得使用广告法禁止的用语，如最、第一、唯一、顶级、国家级。只回答文案本身。"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """A text that passed the checker.

    Attributes:
      text: What shoppers read.
      source: Who wrote it: `template`, `model`, or `nothing`, where no
        template passed and the text says nothing of anything.
      refused: Why the language model's text is not shown; empty where it is,
        or was not asked for.
      tried: Templates that the checker refused before.
    """

    text: str
    source: str
    refused: tuple[Problem, ...] = ()
    tried: int = 0


class Copywriter:
    """Texts of the items of one shop.

    Attributes:
      counts: How many texts came from where; `refused` and `failed` are the
        calls to the language model that came to nothing.
    """

    def __init__(
        self,
        brands: frozenset[str] = frozenset(),
        writer: Writer | None = None,
        endpoint: Endpoint | None = None,
        reviews: Reviews | None = None,
    ):
        """Puts the parts together.

        Args:
          brands: All brands of the shop.
          writer: Fills the templates; one with default settings by default.
          endpoint: A language model that writes first; None for templates.
          reviews: What customers said; descriptions quote them.
        """
        self._reviews = reviews
        self._brands = brands
        self._writer = writer or Writer()
        self._endpoint = endpoint
        self._failures = 0
        self.counts: collections.Counter[str] = collections.Counter()

    def describe(self, item: Item) -> Text:
        """Describes an item."""
        facts, told = item_facts(item, self._brands), _told(item)
        said = self._reviews.about(item) if self._reviews else None
        if said is not None:
            facts |= stated(said.about, quotes=[said.words])
            told.append(f"{said.about}：「{said.words}」")
        return self._checked(
            "description",
            "写一段商品介绍。",
            facts,
            told,
            self._writer.describe(item, said),
        )

    def reason(self, item: Item, why: Why) -> Text:
        """Says why an item is recommended."""
        told = [*_told(item), *_told_why(why)]
        return self._checked(
            "reason",
            "写一句推荐理由，说明为什么推荐给这位用户；引用的名称放在「」里。",
            reason_facts(item, why, self._brands),
            told,
            self._writer.reason(item, why),
        )

    def promote(self, campaign: Campaign, items: Sequence[Item]) -> Text:
        """Writes the copy of a campaign.

        Args:
          campaign: Which.
          items: Of its scope, those that may be named.
        """
        facts = campaign_facts(campaign)
        for item in items:
            facts |= item_facts(item, self._brands)
        told = [f"活动：{campaign.title}", f"说明：{campaign.description}"]
        return self._checked(
            "campaign",
            "写一段活动文案。",
            facts,
            told,
            self._writer.promote(campaign, items),
        )

    def _checked(
        self,
        kind: str,
        task: str,
        facts: Facts,
        told: Iterable[str],
        candidates: Iterable[str],
    ) -> Text:
        text, refused = self._ask(task, facts, told)
        if text:
            return self._count(Text(text=text, source=BY_MODEL))
        tried = 0
        for candidate in candidates:
            if not check(candidate, facts):
                return self._count(
                    Text(
                        text=candidate,
                        source=BY_TEMPLATE,
                        refused=refused,
                        tried=tried,
                    )
                )
            tried += 1
        return self._count(
            Text(
                text=templates.NOTHING[kind],
                source=BY_NOTHING,
                refused=refused,
                tried=tried,
            )
        )

    def _ask(
        self, task: str, facts: Facts, told: Iterable[str]
    ) -> tuple[str, tuple[Problem, ...]]:
        """Returns the model's text if it passes, and what was wrong if not."""
        if self._endpoint is None or self._failures >= _PATIENCE:
            return "", ()
        request = "\n".join([task, "事实：", *(f"- {fact}" for fact in told)])
        try:
            text = " ".join(self._endpoint.complete(_RULES, request).split())
        except EndpointError:
            self._failures += 1
            self.counts["failed"] += 1
            return "", ()
        self._failures = 0
        problems = check(text[: LONGEST + 1], facts)
        if not problems and len(text) <= LONGEST:
            return text, ()
        self.counts["refused"] += 1
        return "", tuple(problems)

    def _count(self, text: Text) -> Text:
        self.counts[text.source] += 1
        return text


def _told(item: Item) -> list[str]:
    """Returns the facts of an item, as a language model reads them."""
    parts = {
        "标题": item.title,
        "品牌": item.brand,
        "类目": item.category,
        "价格": "" if item.price is None else f"{item.price:g}元",
        "属性": "、".join(item.tags),
        "商家说明": item.description,
    }
    return [f"{name}：{value}" for name, value in parts.items() if value]


def _told_why(why: Why) -> list[str]:
    if why.other is not None:
        return [f"用户{why.done}过「{why.other.title}」"]
    if why.query:
        return [f"用户搜索了「{why.query}」"]
    return [f"用户{why.done}过这件商品"] if why.done else []
