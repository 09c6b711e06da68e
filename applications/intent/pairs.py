"""What users browsed, and whether they bought it later: users with items."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from applications.intent.content import Content
from applications.intent.steps import BUY, KINDS, Steps

_DAY, _HOUR = 86_400, 3600
# Kinds that are about an item.
_ON_ITEM = tuple(KINDS.index(name) + 1 for name in KINDS[:6])
# Item steps of a user that are looked back at, for each item asked about.
_STEPS_AN_ITEM = 4


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Items that users had browsed when somebody asked.

    Attributes:
      question: int64 [pairs], the step `now` in the steps.
      row: int64 [pairs], the item, of `Content`.
      features: float32 [pairs, features], all of before the question.
    """

    question: NDArray[np.int64]
    row: NDArray[np.int64]
    features: NDArray[np.float32]


FEATURES = (
    *(f"{kind} count" for kind in KINDS[:6]),
    *("hours since last", "hours since first", "place from last"),
    *("steps in 24 h", "steps in 168 h", "items browsed"),
    *("of category", "of brand", "bought of category"),
    *("price", "price beside the user's", "chosen by others"),
)


def browsed(
    steps: Steps,
    content: Content,
    questions: NDArray[np.int64],
    most: int,
) -> Pairs:
    """Finds the last items of users before questions, and what is known.

    Args:
      steps: Sorted.
      content: Of items.
      questions: int64 [Q], places of steps `now`, rising.
      most: Items of a question, the last ones.

    Returns:
      In order of question, the last item first.
    """
    on_item = np.flatnonzero(
        np.isin(steps.kind, _ON_ITEM)
        & (steps.row > 0)
        & (steps.row <= content.num_items)
    )
    first_of_user = np.searchsorted(steps.user, np.arange(len(steps.users) + 1))
    high = np.searchsorted(on_item, questions)
    low = np.searchsorted(on_item, first_of_user[steps.user[questions]])
    low = np.maximum(low, high - most * _STEPS_AN_ITEM)
    length = high - low
    asked = np.repeat(np.arange(len(questions)), length)
    begin = np.cumsum(length) - length
    step = on_item[np.arange(len(asked)) - np.repeat(begin - low, length)]
    # A pair is a run of steps on one item, in order of time.
    rows = content.num_items + 1
    pair_key, pair = np.unique(
        asked * rows + steps.row[step], return_inverse=True
    )
    question, row = pair_key // rows, pair_key % rows
    count = len(pair_key)
    last = np.zeros(count, np.int64)
    np.maximum.at(last, pair, step)
    first = np.full(count, len(steps.user), np.int64)
    np.minimum.at(first, pair, step)
    order = np.lexsort((-last, question))
    start = np.searchsorted(question[order], np.arange(len(questions)))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count) - start[question[order]]
    kinds = np.stack(
        [
            np.bincount(pair, steps.kind[step] == kind, count)
            for kind in _ON_ITEM
        ],
        1,
    )
    now = steps.time[questions][question]
    age = (steps.time[questions][asked] - steps.time[step]) / _HOUR
    recent = [
        np.bincount(asked, age <= hours, len(questions)) for hours in (24, 168)
    ]
    size = np.bincount(question, minlength=len(questions))
    category, brand = content.category[row], content.brand[row]
    price = content.price[row]
    mean = np.bincount(question, price, len(questions)) / np.maximum(size, 1)
    features = np.stack(
        [
            *np.log1p(kinds).T,
            np.log1p((now - steps.time[last]) / _HOUR),
            np.log1p((now - steps.time[first]) / _HOUR),
            np.log1p(place),
            *(np.log1p(found[question]) for found in recent),
            np.log1p(size[question]),
            np.log1p(_shared(question, category, kinds.sum(1))),
            np.log1p(_shared(question, brand, kinds.sum(1))),
            np.log1p(_shared(question, category, kinds[:, -1])),
            price,
            price - mean[question],
            np.log1p(_popularity(steps, row, now)),
        ],
        1,
    )
    kept = order[place[order] < most]
    return Pairs(
        questions[question[kept]], row[kept], features[kept].astype(np.float32)
    )


def bought(
    steps: Steps, content: Content, pairs: Pairs, days: int, until: int
) -> NDArray[np.int64]:
    """Labels pairs: of the item, and of its category.

    Args:
      steps: Sorted.
      content: For categories.
      pairs: Asked about.
      days: Within which something is bought, after the question.
      until: Unix seconds, up to which the log is looked at.

    Returns:
      int64 [pairs, 2], 1 or 0, or -1 where the days reach beyond `until`.
    """
    buys = np.flatnonzero((steps.kind == BUY) & (steps.row > 0))
    user = steps.user[pairs.question]
    time = steps.time[pairs.question]
    found = []
    for thing_bought, thing in (
        (steps.row[buys], pairs.row),
        (content.category[steps.row[buys]], content.category[pairs.row]),
    ):
        size = int(max(thing_bought.max(initial=0), thing.max(initial=0))) + 1
        key = steps.user[buys] * size + thing_bought
        order = np.lexsort((steps.time[buys], key))
        key, when = key[order], steps.time[buys][order]
        origin = int(steps.time.min())
        span = steps.end - origin + 2
        keys = key * span + (when - origin)
        asked = (user * size + thing) * span + np.minimum(
            time - origin, span - 1
        )
        place = np.searchsorted(keys, asked, side="right")
        there = place < len(keys)
        place = np.where(there, place, 0)
        if len(keys):
            there &= key[place] == user * size + thing
            there &= when[place] - time <= days * _DAY
        found.append(there & (thing > 0))
    known = time + days * _DAY <= until
    return np.where(known[:, None], np.stack(found, 1).astype(np.int64), -1)


def _shared(question, thing, amount):
    """Sums an amount over a question's pairs with the same thing."""
    size = int(thing.max(initial=0)) + 1
    key, place = np.unique(question * size + thing, return_inverse=True)
    return np.where(thing > 0, np.bincount(place, amount, len(key))[place], 0)


def _popularity(steps, row, now):
    """Counts choices of items in the week before each question."""
    chosen = np.flatnonzero(np.isin(steps.kind, _ON_ITEM[1:]) & (steps.row > 0))
    origin, span = int(steps.time.min()), steps.end - int(steps.time.min()) + 2
    keys = np.sort(steps.row[chosen] * span + steps.time[chosen] - origin)
    when = np.clip(now - origin, 0, span - 1)
    before = np.clip(now - origin - 7 * _DAY, 0, span - 1)
    return np.searchsorted(keys, row * span + when) - np.searchsorted(
        keys, row * span + before
    )
