"""The assistant: a question in, what it is for, items and an answer out."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from applications.assistant import wording
from applications.assistant.accessories import AccessoryFinder
from applications.assistant.comparing import Comparer
from applications.assistant.finding import Finder
from applications.assistant.folding import fold
from applications.assistant.intents import (
    Classifier,
    Example,
    Intent,
    Topic,
)
from applications.assistant.policies import HAND_OVER
from applications.assistant.relations import Relations
from applications.assistant.slots import read_slots
from applications.assistant.vocabulary import Vocabulary
from applications.assistant.wording import Line
from applications.copywriting.endpoint import Endpoint, EndpointError
from applications.items import Item, ItemTable
from applications.shop import Shop
from schema.errors import DataError
from serving.requests import Request

BY_TEMPLATE, BY_MODEL = "template", "model"
LONGEST_QUESTION = 500
# After so many failures in a row an endpoint is left alone.
_PATIENCE = 3
_RULES = (
    "你是网店客服。把下面的回答逐行改写得更自然、礼貌，行数和每行所说的商品不变。"
    "不得加入原文没有的数字、品牌、材质、功效、评价，不得使用广告法禁止的用语。"
    "只回答改写后的各行。"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reply:
    """What a customer gets.

    Attributes:
      question: As it was asked.
      intent: What it is for.
      topic: Of a question about an order; None of others.
      items: Best first; none for questions about orders.
      lines: The answer.
      table: Rows of a comparison: a name, and what each of two items has.
      source: Who worded it: `template` or `model`.
    """

    question: str
    intent: Intent
    topic: Topic | None
    items: tuple[Item, ...]
    lines: tuple[Line, ...]
    table: tuple[tuple[str, str, str], ...] = ()
    source: str = BY_TEMPLATE

    @property
    def text(self) -> str:
        """The answer as one text, its items numbered."""
        told, number = [], 0
        for line in self.lines:
            if line.item_id:
                number += 1
                told.append(f"{number}. {line.text}")
            else:
                told.append(line.text)
        return "\n".join(told)


class Assistant:
    """Answers the customers of one shop.

    Attributes:
      counts: Answers by who worded them; `refused` and `failed` are calls to
        the language model that came to nothing.
    """

    def __init__(
        self,
        shop: Shop,
        items: ItemTable,
        *,
        relations: Relations,
        policies: Mapping[Topic, str],
        examples: Sequence[Example],
        endpoint: Endpoint | None = None,
    ):
        """Reads the shop's words and learns the intents.

        Args:
          shop: Which searches.
          items: All that may be named.
          relations: Which kinds go together.
          policies: What the shop says about orders.
          examples: Labelled questions.
          endpoint: A language model that words the answers; None for
            templates.
        """
        self._brands = items.brands()
        self._vocabulary = Vocabulary(items)
        self._classifier = Classifier(self._vocabulary, examples)
        finder = Finder(shop, items, self._vocabulary)
        self._finder = finder
        self._comparer = Comparer(finder, items, self._vocabulary)
        self._accessories = AccessoryFinder(finder, relations)
        self._policies = policies
        self._endpoint = endpoint
        self._failures = 0
        self.counts: collections.Counter[str] = collections.Counter()

    def answer(
        self, question: str, request: Request | None = None, k: int = 3
    ) -> Reply:
        """Answers a question.

        Args:
          question: In Chinese, 1 to 500 characters.
          request: The customer; nobody in particular by default.
          k: How many items at most, at least 2.

        Raises:
          DataError: The question is empty or too long.
        """
        folded = fold(question)
        if not folded or len(question) > LONGEST_QUESTION:
            raise DataError(
                f"the question has {len(question)} characters; allowed: 1 to "
                f"{LONGEST_QUESTION}, not only spaces"
            )
        intent = next(iter(self._classifier.intents(folded)))
        reply = self._reply(
            question, folded, intent, request or Request(), max(k, 2)
        )
        reply = self._worded(reply)
        self.counts[reply.source] += 1
        return reply

    def _reply(
        self,
        question: str,
        folded: str,
        intent: Intent,
        request: Request,
        k: int,
    ) -> Reply:
        topic, table = None, []
        items: Sequence[Item] = ()
        slots = read_slots(folded, self._vocabulary)
        if intent is Intent.AFTER_SALES:
            topic = next(iter(self._classifier.topics(folded)))
            lines = wording.policy_lines(self._policies.get(topic) or HAND_OVER)
        elif intent is Intent.ACCESSORY:
            accessories = self._accessories.find(folded, slots, request, k)
            items = accessories.result.items
            lines = wording.accessory_lines(accessories, self._brands)
        elif intent is Intent.COMPARE and (
            compared := self._comparer.compare(folded, request, k)
        ):
            items = (compared.left, compared.right, *compared.others)
            lines = wording.compared_lines(compared, self._brands)
            table = wording.comparison_table(compared.left, compared.right)
        else:
            # Of two things that the shop has not, it shows what is near.
            result = self._finder.find(slots, request, k)
            items = result.items
            lines = wording.found_lines(result, self._brands)
        return Reply(
            question=question,
            intent=intent,
            topic=topic,
            items=tuple(items),
            lines=tuple(lines),
            table=tuple(table),
        )

    def _worded(self, reply: Reply) -> Reply:
        """Lets the language model word the answer, line by line.

        A policy stays as the shop wrote it.
        """
        if (
            self._endpoint is None
            or reply.intent is Intent.AFTER_SALES
            or self._failures >= _PATIENCE
        ):
            return reply
        try:
            told = self._endpoint.complete(
                _RULES, "\n".join(line.text for line in reply.lines)
            )
        except EndpointError:
            self._failures += 1
            self.counts["failed"] += 1
            return reply
        self._failures = 0
        texts = [text.strip() for text in told.splitlines() if text.strip()]
        lines = [
            dataclasses.replace(line, text=text)
            for line, text in zip(reply.lines, texts, strict=False)
        ]
        if len(texts) == len(reply.lines) and all(map(wording.passes, lines)):
            return dataclasses.replace(
                reply, lines=tuple(lines), source=BY_MODEL
            )
        self.counts["refused"] += 1
        return reply
