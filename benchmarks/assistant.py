"""How well the assistant understands questions about the mall.

`assistant_cases.tsv` holds 80 questions that were written, as customers would
ask them, before there was an assistant, and asked once it was done;
`assistant_dev.tsv` the 60 that it was built with, and
`applications/assistant/examples.tsv` what it learned intents from. All are by
one hand, so that other people's questions will be harder. A case is
right where the intent is, and where what was asked for is among the first
three items; of a question about an order, where the topic is. Beside it stand
the intent that most questions have, and plain keyword search with the whole
question. `daogou bench assistant --preset demo` runs it.
"""

import collections
import csv
import dataclasses
import itertools
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from applications.assistant.assistant import Assistant, Reply
from applications.assistant.intents import Intent
from applications.assistant.wording import passes
from applications.figures import OURS, Figure, SystemFigures
from applications.items import Item, ItemTable
from applications.shop import Found
from schema.contract import CATEGORY_SEPARATOR
from serving.requests import EVERYTHING, Only, Request

CASES = pathlib.Path(__file__).with_name("assistant_cases.tsv")
DEV_CASES = pathlib.Path(__file__).with_name("assistant_dev.tsv")
K = 3
KEYWORDS = "keyword search"
_WORD = re.compile(r"[a-z0-9.]+|[\u4e00-\u9fff]", re.ASCII)
# Of BM25, as usual.
_SATURATION, _LENGTH = 1.2, 0.75


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One question, and what answers it.

    Of each list any one has to fit, but all of `each`; an empty one fits all.

    Attributes:
      question: As someone asked.
      intent: What for.
      topics: Of a question about an order.
      categories: Paths; what is below fits too.
      brands: Of the item.
      words: In the item's texts.
      each: Each in the title of one of the items, of a comparison.
      min_price: CNY.
      max_price: CNY; None for no limit.
    """

    question: str
    intent: Intent
    topics: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    min_price: float = 0.0
    max_price: float | None = None

    def fits(self, items: Sequence[Item]) -> bool:
        """Says whether what was asked for is among some items."""
        fitting = [item for item in items if self._fits_one(item)]
        if self.each:
            return all(
                any(word in item.title for item in fitting)
                for word in self.each
            )
        return bool(fitting)

    def _fits_one(self, item: Item) -> bool:
        path = f"{item.category}{CATEGORY_SEPARATOR}"
        price = -1.0 if item.price is None else item.price
        return (
            any(path.startswith(f"{c}/") for c in self.categories)
            and (not self.brands or item.brand in self.brands)
            and (not self.words or any(w in item.text for w in self.words))
            and price >= self.min_price
            and (self.max_price is None or price <= self.max_price)
        )


def read_cases(path: pathlib.Path = CASES) -> list[Case]:
    """Reads questions."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    lists = ("topics", "categories", "brands", "words", "each")
    return [
        Case(
            question=row["question"],
            intent=Intent(row["intent"]),
            min_price=float(row["min_price"] or 0),
            max_price=float(row["max_price"]) if row["max_price"] else None,
            **{n: tuple(row[n].split("|")) if row[n] else () for n in lists},
        )
        for row in rows
    ]


class KeywordShop:
    """Plain search by the characters and words of titles (BM25).

    Stands in for `applications.shop.Shop`: a baseline, and a shop without a
    model.
    """

    def __init__(self, items: Iterable[Item]):
        """Indexes titles, descriptions and categories, in stock alone."""
        self._items = [item for item in items if item.in_stock]
        counts = [
            collections.Counter(
                _words(f"{i.title} {i.description} {i.category}")
            )
            for i in self._items
        ]
        lengths = np.array([sum(c.values()) for c in counts], float)
        usual = lengths.mean() if len(lengths) else 1.0
        self._norm = _SATURATION * (1 - _LENGTH + _LENGTH * lengths / usual)
        self._having = collections.defaultdict(list)
        for row, found in enumerate(counts):
            for word, count in found.items():
                self._having[word].append((row, count))

    def search(
        self, request: Request, k: int, only: Only = EVERYTHING
    ) -> list[Found]:
        """Finds up to k items that fit the limits, best first."""
        scores = np.zeros(len(self._items))
        for word in set(_words(request.query)):
            having = self._having.get(word)
            if not having:
                continue
            rows, counts = np.array(having).T
            rare = np.log1p(
                (len(self._items) - len(rows) + 0.5) / (len(rows) + 0.5)
            )
            much = counts * (_SATURATION + 1) / (counts + self._norm[rows])
            scores[rows] += rare * much
        order = np.argsort(-scores, kind="stable")
        return [
            Found(item_id=self._items[row].item_id, score=float(scores[row]))
            for row in order
            if scores[row] > 0 and _within(self._items[row], only)
        ][:k]


def run(cases: Sequence[Case], assistant: Assistant, items: ItemTable) -> dict:
    """Asks all questions.

    Args:
      cases: To ask.
      assistant: Which answers.
      items: Of the shop.

    Returns:
      Under `all` and under each intent of `intents`: `cases`, and of the
      assistant (`daogou`) the shares with the right `intent`, with a fitting
      item or topic (`fits`, whatever the intent), and with both (`right`); of
      the baselines `majority` and `keyword search` the same where they say
      anything; `unsupported`, the share of answers that state what is not in
      the item table; and `missed` cases.
    """
    majority = collections.Counter(case.intent for case in cases)
    usual = majority.most_common(1)[0][0]
    keywords = KeywordShop(items)
    outcomes, missed = [], []
    for case in cases:
        reply = assistant.answer(case.question, k=K)
        outcome = _outcome(case, reply, usual, keywords, items)
        outcomes.append(outcome)
        if not outcome["right"]:
            missed.append(_missed(case, reply))
    by_intent = {
        str(intent): _summary([o for o in outcomes if o["intent_is"] == intent])
        for intent in Intent
        if intent in majority
    }
    return {
        "all": _summary(outcomes),
        "intents": by_intent,
        "missed": missed,
    }


def system(result: dict, command: str) -> SystemFigures:
    """Returns the figures as a run's report shows them.

    Args:
      result: What `run` returned.
      command: Which measures it again.
    """
    figures = []
    for part, told in {"": result["all"], **result["intents"]}.items():
        figures.append(
            Figure(
                metric="right intent and a fitting item",
                part=part,
                values={OURS: told["right"], KEYWORDS: told["keyword_right"]},
            )
        )
    told = result["all"]
    return SystemFigures(
        name="assistant",
        title="Customer-service assistant",
        chinese="客服助手",
        lead="80 questions written before it was built: at least 85 % with "
        "the right intent and a fitting item in the first three.",
        command=command,
        figures=(
            *figures,
            Figure(
                metric="right intent",
                values={OURS: told["intent"], "majority": told["majority"]},
            ),
            Figure(
                metric="a fitting item, whatever the intent",
                values={OURS: told["fits"], KEYWORDS: told["keyword_fits"]},
            ),
            Figure(
                metric="answers with unsupported facts",
                values={OURS: told["unsupported"]},
                lower_is_better=True,
            ),
        ),
    )


def _outcome(case, reply: Reply, usual, keywords, items) -> dict:
    found = keywords.search(Request(query=case.question), K)
    known = items.find(one.item_id for one in found)
    plain = [known[one.item_id] for one in found]
    if case.intent is Intent.AFTER_SALES:
        # A search answers no such question.
        fits, keyword_fits = reply.topic in case.topics, False
    else:
        fits, keyword_fits = case.fits(reply.items[:K]), case.fits(plain)
    intent = reply.intent is case.intent
    return {
        "intent_is": case.intent,
        "intent": intent,
        "fits": fits,
        "right": intent and fits,
        "majority": case.intent is usual,
        "keyword_fits": keyword_fits,
        "keyword_right": keyword_fits and case.intent is usual,
        "unsupported": not all(map(passes, reply.lines)),
    }


def _summary(outcomes: list[dict]) -> dict:
    names = [name for name in outcomes[0] if name != "intent_is"]
    shares = {
        name: round(sum(o[name] for o in outcomes) / len(outcomes), 4)
        for name in names
    }
    return {"cases": len(outcomes), **shares}


def _missed(case: Case, reply: Reply) -> dict:
    return {
        "question": case.question,
        "intent": str(case.intent),
        "answered": str(reply.intent),
        "topic": str(reply.topic or ""),
        "came": [item.title for item in reply.items[:K]],
    }


def _words(text: str) -> list[str]:
    """Returns Latin words, and Chinese characters alone and in pairs."""
    signs = _WORD.findall(text.lower())
    pairs = [
        a + b
        for a, b in itertools.pairwise(signs)
        if not (a + b).isascii() and a + b in text.lower()
    ]
    return signs + pairs


def _within(item: Item, only: Only) -> bool:
    path = f"{item.category}{CATEGORY_SEPARATOR}"
    price = -1.0 if item.price is None else item.price
    return (
        (not only.item_ids or item.item_id in only.item_ids)
        and (
            not only.categories
            or any(path.startswith(f"{c}/") for c in only.categories)
        )
        and (not only.brands or item.brand in only.brands)
        and price >= only.min_price
        and (only.max_price is None or price <= only.max_price)
    )
