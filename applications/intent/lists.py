"""The list for each user: what was browsed, what is like it, by preference."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from applications.intent.content import Content
from applications.intent.steps import KINDS, Steps

# Item ids → rows of similar ones [items, k], 0 for none, and how alike they
# are, float32 [items, k], 0 to 1.
Similar = Callable[[NDArray[np.int64]], tuple[NDArray, NDArray]]

# What a step says of a user's taste.
_WEIGHTS = {"view": 1, "click": 1, "favorite": 2, "cart": 3, "buy": 4}
_HALF_LIFE = 14 * 86_400
# Spread of the logarithm of prices that a user still takes for the same.
_PRICE_SPREAD = 0.7
# Of a preference that nothing is known of.
_NEUTRAL = 0.5
BROWSED, ALIKE = "browsed", "similar"


@dataclasses.dataclass(frozen=True)
class Preferences:
    """What users like, from what they did.

    Attributes:
      categories: float64 [users, categories + 1], shares.
      brands: float64 [users, brands + 1], shares.
      price: float64 [users], mean logarithm of 1 + CNY.
    """

    categories: NDArray[np.float64]
    brands: NDArray[np.float64]
    price: NDArray[np.float64]

    @classmethod
    def of(cls, walked: Steps, content: Content, at: int) -> "Preferences":
        """Weighs steps before a time by what was done and how long ago."""
        weights = np.array([0, *(_WEIGHTS.get(kind, 0) for kind in KINDS)])
        kept = (walked.time < at) & (walked.row > 0)
        user, row = walked.user[kept], walked.row[kept]
        weight = weights[walked.kind[kept]] * 0.5 ** (
            (at - walked.time[kept]) / _HALF_LIFE
        )
        count = len(walked.users)

        def shares(index, size):
            total = np.bincount(
                user * size + index[row],
                weight * (index[row] > 0),
                count * size,
            ).reshape(count, size)
            return total / np.maximum(total.sum(1, keepdims=True), 1e-9)

        priced = weight * (content.price[row] > 0)
        spent = np.bincount(user, priced * content.price[row], count)
        price = spent / np.maximum(np.bincount(user, priced, count), 1e-9)
        return cls(
            shares(content.category, len(content.categories) + 1),
            shares(content.brand, len(content.brands) + 1),
            price,
        )

    def of_items(
        self, content: Content, user: NDArray[np.int64], row: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Returns how much users like items, about 1 for neither way."""
        category = self.categories[user, content.category[row]]
        brand = self.brands[user, content.brand[row]]
        apart = (content.price[row] - self.price[user]) / _PRICE_SPREAD
        known = (content.price[row] > 0) & (self.price[user] > 0)
        price = np.where(known, np.exp(-0.5 * apart**2), _NEUTRAL)
        return (_NEUTRAL + category) * (_NEUTRAL + brand) * (_NEUTRAL + price)


def recommend(
    predicted: pa.Table,
    walked: Steps,
    content: Content,
    similar: Similar,
    *,
    at: int,
    k: int,
    sources: int = 5,
) -> pa.Table:
    """Makes a list for each user of a prediction.

    Recalled are the browsed items, and what is like the likeliest `sources`
    of them; an item that two of them lead to counts by the better one. What
    a user has bought is left out.

    Args:
      predicted: As `job.predict` made it.
      walked: Steps of the log.
      content: Of items.
      similar: Finds what is like an item.
      at: Unix seconds; preferences are of before it.
      k: Items of a list.
      sources: Browsed items of a user whose like is looked for.

    Returns:
      `user_id`, `place` from 1, `item_id`, `score`, `probability` that it is
      bought (of what is like a browsed item: that one's, times how alike),
      `preference`, `recall` (`browsed` or `similar`), `because` (the browsed
      item).
    """
    user = np.asarray(pc.index_in(predicted["user_id"], walked.users), np.int64)
    row = content.item_rows(predicted["item_id"].combine_chunks())
    chance = np.asarray(predicted["probability"], np.float64)
    order = np.lexsort((-chance, user))
    user, row, chance = user[order], row[order], chance[order]
    first = np.searchsorted(user, user)
    leading = np.arange(len(user)) - first < sources
    names, source = np.unique(row[leading], return_inverse=True)
    near, alike = similar(names)
    width = near.shape[1]
    all_user = np.concatenate([user, np.repeat(user[leading], width)])
    all_row = np.concatenate([row, near[source].reshape(-1)])
    all_chance = np.concatenate(
        [
            chance,
            (chance[leading][:, None] * alike[source]).reshape(-1),
        ]
    )
    because = np.concatenate([row, np.repeat(row[leading], width)])
    was_browsed = np.arange(len(all_user)) < len(user)
    kept = (all_row > 0) & (all_chance > 0)
    kept &= ~_bought(walked, content, all_user, all_row, at)
    liked = Preferences.of(walked, content, at).of_items(
        content, all_user, all_row
    )
    score = all_chance * liked
    order = np.flatnonzero(kept)
    order = order[np.lexsort((-score[order], all_row[order], all_user[order]))]
    # Of one item the best way to it.
    pair = all_user[order] * len(content.category) + all_row[order]
    order = order[np.unique(pair, return_index=True)[1]]
    order = order[np.lexsort((-score[order], all_user[order]))]
    whose = all_user[order]
    place = np.arange(len(order)) - np.searchsorted(whose, whose)
    order, place = order[place < k], place[place < k]
    return pa.table(
        {
            "user_id": walked.users.take(pa.array(all_user[order])),
            "place": place + 1,
            "item_id": content.item_ids.take(pa.array(all_row[order] - 1)),
            "score": score[order].astype(np.float32),
            "probability": all_chance[order].astype(np.float32),
            "preference": liked[order].astype(np.float32),
            "recall": np.where(was_browsed[order], BROWSED, ALIKE).tolist(),
            "because": content.item_ids.take(pa.array(because[order] - 1)),
        }
    )


def alike_by_cooccurrence(
    walked: Steps, content: Content, at: int, k: int = 10
) -> Similar:
    """Returns what finds items that the same users did something with.

    Cosine of co-occurrence, of what was done before a time; for runs that
    have no servable.
    """
    import scipy.sparse as sp

    kept = (walked.time < at) & (walked.row > 0)
    kept &= walked.row <= content.num_items
    seen = sp.csr_matrix(
        (
            np.ones(int(kept.sum())),
            (walked.row[kept], walked.user[kept]),
        ),
        shape=(content.num_items + 1, len(walked.users)),
    )
    seen.data[:] = 1
    norm = np.sqrt(np.asarray(seen.sum(1)).reshape(-1))
    scaled = sp.diags(1 / np.maximum(norm, 1e-9)) @ seen

    def similar(rows):
        near = np.zeros((len(rows), k), np.int64)
        alike = np.zeros((len(rows), k))
        for place, row in enumerate(rows):
            found = (scaled @ scaled[row].T).toarray()[:, 0]
            found[row] = 0
            best = np.argsort(-found, kind="stable")[:k]
            near[place, : len(best)], alike[place, : len(best)] = (
                best,
                found[best],
            )
        return near, alike

    return similar


def _bought(walked, content, user, row, at):
    size = len(content.category)
    buys = (walked.kind == KINDS.index("buy") + 1) & (walked.time < at)
    keys = walked.user[buys] * size + walked.row[buys]
    return np.isin(user * size + row, keys)
