"""What a customer's question is for, learned from a few labelled ones.

A softmax regression over what a question looks like when the shop's words are
masked: 罗技和雷蛇的鼠标哪个好 becomes B和B的C哪个好, so that a hundred examples
(`examples.tsv`) teach how people ask, whatever they ask about. Its features
are n-grams of characters and a few cues that people would name
(`_CUES`); their weights are learned, none is final.
"""

import csv
import dataclasses
import enum
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from applications.assistant.amounts import find_prices
from applications.assistant.vocabulary import Match, Vocabulary

EXAMPLES = pathlib.Path(__file__).with_name("examples.tsv")
BRAND, KIND, PRICE = "B", "C", "P"
_NGRAMS = (1, 2, 3)
_CUE_WEIGHT = 2.0
_CUES = tuple(
    re.compile(pattern)
    for pattern in (
        r"哪个|哪款|哪种|哪一",
        r"(?:和|跟|与|还是|vs|、|对比|比).*(?:哪|区别|差|不同|不一样|比|选|怎么选|如何|好)",
        r"对比|比较|比一比|比比|区别|差别|差距|不一样|不同|vs",
        r"B.{0,4}(?:和|跟|与|还是|vs|比|、).{0,4}B",
        r"C.{0,6}(?:和|跟|与|还是|vs|比|、).{0,6}C",
        r"还是",
        r"C[、 ]?C|B[、 ]?B",
        r"配|搭",
        r"还(?:需要|要|得|差|缺|想|少)|除了|之外|缺|另外|添",
        r"(?:买了|有了|买好|养了|新买|刚买|提了).*",
        r"C.*(?:配|搭|加|带|用什么|用哪|要什么|插).*C?",
        r"退|换(?:货|一|个|新|成|大|小|颜)|补(?:给|发|寄)",
        r"发票|专票|抬头|报销|开票",
        r"快递|物流|发货|单号|包裹|签收|地址|送到|顺丰|包邮|到哪",
        r"保修|维修|质保|售后|修|坏|联保|保几年|保多久",
        r"订单|我的|收到|客服|退款|到账",
        r"推荐|有没有|有吗|求|想买|找|想要|看看|来",
        r"P",
        r"适合|用的|穿的|送",
    )
)
# Beside all n-grams of a question together, and one cue.
_NGRAM_WEIGHT = 3.0
_RIDGE = 0.002
_STEPS = 400
_RATE = 0.5


class Intent(enum.StrEnum):
    """What a question is for."""

    FIND = "find"
    COMPARE = "compare"
    ACCESSORY = "accessory"
    AFTER_SALES = "after_sales"


class Topic(enum.StrEnum):
    """What a question about an order is about."""

    RETURN = "return"
    EXCHANGE = "exchange"
    INVOICE = "invoice"
    SHIPPING = "shipping"
    WARRANTY = "warranty"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """A labelled question.

    Attributes:
      question: As someone asked.
      intent: What for.
      topic: Of questions about orders; None for others.
    """

    question: str
    intent: Intent
    topic: Topic | None = None


def read_examples(path: pathlib.Path = EXAMPLES) -> list[Example]:
    """Reads labelled questions.

    Raises:
      ValueError: A label is unknown.
    """
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Example(
                question=row["question"],
                intent=Intent(row["intent"]),
                topic=Topic(row["topic"]) if row["topic"] else None,
            )
            for row in csv.DictReader(file, delimiter="\t")
        ]


class Classifier:
    """Tells intents and topics apart."""

    def __init__(self, vocabulary: Vocabulary, examples: Sequence[Example]):
        """Learns from examples.

        Args:
          vocabulary: Of the shop, whose words are masked.
          examples: Labelled; every intent and topic among them.

        Raises:
          ValueError: An intent or a topic has no example.
        """
        self._vocabulary = vocabulary
        self._intents = self._learn(
            [(one.question, one.intent) for one in examples], list(Intent)
        )
        self._topics = self._learn(
            [(one.question, one.topic) for one in examples if one.topic],
            list(Topic),
        )

    def intents(self, question: str) -> dict[Intent, float]:
        """Returns the chance of each intent, the likeliest first."""
        return self._intents.chances(self.mask(question))

    def topics(self, question: str) -> dict[Topic, float]:
        """Returns the chance of each topic, the likeliest first."""
        return self._topics.chances(self.mask(question))

    def mask(self, question: str) -> str:
        """Replaces brands, kinds of items and prices by one letter each."""
        prices, rest = find_prices(question.lower())
        text = rest + (PRICE if prices or prices.wish else "")
        spans = [
            (mention.start, mention.end, KIND)
            for mention in self._vocabulary.find_kinds(text)
            if mention.match != Match.BEGINNING
        ]
        brands = [
            (brand.start, brand.end, BRAND)
            for brand in self._vocabulary.find_brands(text)
        ]
        # 小米手环 is a brand and a kind; 小米 alone may be either.
        for start, end, letter in (*spans, *brands):
            inside = any(s <= start and end < e for s, e, _ in spans)
            if not inside:
                gap = letter + "\0" * (end - start - 1)
                text = text[:start] + gap + text[end:]
        return text.replace("\0", "")

    def _learn(self, labelled: list, labels: list) -> "_Softmax":
        missing = set(labels) - {label for _, label in labelled}
        if missing:
            raise ValueError(f"there is no example of {sorted(missing)}")
        masked = [(self.mask(text), label) for text, label in labelled]
        return _Softmax(masked, labels)


class _Softmax:
    """Multinomial logistic regression with a ridge, by gradient descent."""

    def __init__(self, labelled: list, labels: list):
        texts = [text for text, _ in labelled]
        grams = {gram for text in texts for gram in _grams(text)}
        self._columns = {gram: n for n, gram in enumerate(sorted(grams))}
        self._labels = labels
        features = np.stack([self._features(text) for text in texts])
        wanted = np.eye(len(labels))[
            [labels.index(label) for _, label in labelled]
        ]
        # Every label counts the same, however many examples it has.
        share = wanted / wanted.sum(0) / len(labels)
        each = share.sum(1, keepdims=True)
        self._weights = np.zeros((features.shape[1], len(labels)))
        for _ in range(_STEPS):
            error = _softmax(features @ self._weights) - wanted
            slope = features.T @ (error * each)
            self._weights -= _RATE * (slope + _RIDGE * self._weights)

    def chances(self, text: str) -> dict:
        scores = self._features(text)[np.newaxis] @ self._weights
        chances = _softmax(scores)[0]
        order = np.argsort(-chances, kind="stable")
        return {self._labels[n]: float(chances[n]) for n in order}

    def _features(self, text: str) -> np.ndarray:
        """Returns n-grams that are known, of length 1 together, and cues."""
        found = np.zeros(len(self._columns))
        for gram in _grams(text):
            if (column := self._columns.get(gram)) is not None:
                found[column] = 1.0
        found /= max(np.sqrt(found.sum()), 1.0)
        cues = [bool(cue.search(text)) for cue in _CUES]
        return np.concatenate(
            [found * _NGRAM_WEIGHT, np.array(cues) * _CUE_WEIGHT, [1.0]]
        )


def _grams(text: str) -> set[str]:
    return {
        text[start : start + size]
        for size in _NGRAMS
        for start in range(len(text) - size + 1)
    }


def _softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)
