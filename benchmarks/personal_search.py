"""Searches of a log after its split: what the person adds to the words.

A search counts where something was chosen before the next one of the visit;
what was chosen is what should come first. The servable of a run answers with
the history as it was at that second, and with nobody's; beside it stand the
order of text vectors alone, and what is chosen most, over all and in the
category of the best hit by text. Nothing was learned from after the split.
`daogou bench personal-search --preset demo` runs it.
"""

import dataclasses
import itertools
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf
import tensorflow_text  # noqa: F401  (registers the ops of the text encoder)
from numpy.typing import NDArray

from applications.campaigns.persons import Persons
from applications.campaigns.settings import CampaignSettings
from applications.shop_log import ShopLog
from components.servable.catalogue import read_catalogue
from models.metrics.intervals import (
    bootstrap_means,
    interval,
    paired_difference,
)
from models.serving_graph.item_table import CatalogueColumns
from schema.errors import DataError
from serving.model_server.servable import Servable

K = 10
PERSON, NOBODY, TEXT = "with the person", "without a person", "text only"
POPULAR, POPULAR_HERE = "popularity", "popularity in the category"
# Each is to be better than the next.
LADDER = (PERSON, NOBODY, TEXT, POPULAR_HERE, POPULAR)
_CHOICES = ("click", "favorite", "cart", "buy")
_BATCH = 32
_CONTEXT = ("city", "device", "gender", "age_band", "level")
_HISTORY = (
    "history_item_ids",
    "history_event_types",
    "history_queries",
    "history_timestamps",
)


@dataclasses.dataclass(frozen=True)
class Searches:
    """Searches after which something was chosen.

    Attributes:
      user: int64 [n], rows of the log's users.
      timestamp: int64 [n], Unix seconds.
      query: Text objects [n].
      chosen: Item ids of each, one or more.
    """

    user: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    query: NDArray[np.object_]
    chosen: list[frozenset[str]]

    def __len__(self):
        return len(self.user)

    def take(self, rows: NDArray[np.int64]) -> "Searches":
        """Returns some searches."""
        return Searches(
            self.user[rows],
            self.timestamp[rows],
            self.query[rows],
            [self.chosen[row] for row in rows],
        )


def find_searches(log: ShopLog, since: int) -> Searches:
    """Finds the searches at a time or later that led to a choice.

    A choice belongs to the latest search of its visit at an earlier second,
    if the event names no other query.

    Args:
      log: The events.
      since: Unix seconds.
    """
    events = log.events
    at = np.flatnonzero(
        log.is_type("search")
        & (events.query.codes > 0)
        & (events.timestamp >= since)
    )
    choices = np.flatnonzero(log.is_type(*_CHOICES))
    place = np.searchsorted(at, choices) - 1
    search = at[np.maximum(place, 0)] if len(at) else np.zeros(0, np.int64)
    if not len(at):
        choices, place = choices[:0], place[:0]
    own = events.query.codes[choices]
    good = (place >= 0) & (log.visit[search] == log.visit[choices])
    good &= events.timestamp[choices] > events.timestamp[search]
    good &= (own == 0) | (own == events.query.codes[search])
    ids = np.asarray(log.items["item_id"].to_pylist(), object)
    chosen: dict[int, set[str]] = {}
    for row, item in zip(
        place[good], ids[events.item[choices[good]]], strict=True
    ):
        chosen.setdefault(int(row), set()).add(item)
    kept = np.array(sorted(chosen), np.int64)
    rows = at[kept]
    texts = np.asarray(events.query.texts.to_pylist(), object)
    return Searches(
        events.user[rows],
        events.timestamp[rows],
        texts[events.query.codes[rows]],
        [frozenset(chosen[int(row)]) for row in kept],
    )


def ndcg(found: list[list[str]], chosen: list[frozenset[str]]) -> NDArray:
    """Returns NDCG@10 of each search; every chosen item counts alike.

    >>> ndcg([["a", "b"]], [frozenset("b")]).round(4).tolist()
    [0.6309]
    """
    worth = 1 / np.log2(np.arange(K) + 2)
    return np.array(
        [
            sum(
                worth[slot] for slot, one in enumerate(ids[:K]) if one in wanted
            )
            / worth[: len(wanted)].sum()
            for ids, wanted in zip(found, chosen, strict=True)
        ]
    )


class Popular:
    """Items by how often they were chosen before a time."""

    def __init__(self, log: ShopLog, until: int, items: CatalogueColumns):
        """Counts choices.

        Args:
          log: The events.
          until: Unix seconds; only earlier ones count.
          items: Of the model; what is not in stock is not shown.
        """
        events = log.events
        early = log.is_type(*_CHOICES) & (events.timestamp < until)
        counts = np.bincount(
            events.item[early], minlength=len(log.items)
        ).astype(float)
        known = pa.array([one.decode() for one in items.item_ids], pa.string())
        row = np.asarray(
            pc.fill_null(
                pc.index_in(
                    known,
                    log.items["item_id"].combine_chunks().cast(pa.string()),
                ),
                -1,
            )
        )
        counts = np.where(row >= 0, counts[np.maximum(row, 0)], 0)
        self._counts = np.where(items.in_stock, counts, -1.0)
        self._ids = [one.decode() for one in items.item_ids]
        self._category = np.asarray(items.categories, object)

    def everywhere(self) -> list[str]:
        """Returns the ids chosen most."""
        return self._first(self._counts)

    def beside(self, item_id: str) -> list[str]:
        """Returns the ids chosen most in the category of an item."""
        category = self._category[self._ids.index(item_id)]
        return self._first(
            np.where(self._category == category, self._counts, -1.0)
        )

    def _first(self, counts):
        best = np.argsort(-counts, kind="stable")[:K]
        return [self._ids[row] for row in best if counts[row] >= 0]


class Servant:
    """Asks the signature `search` of a servable, many at a time."""

    def __init__(self, folder: pathlib.Path):
        """Loads a version folder."""
        self._servable = Servable(str(folder))

    def search(
        self, asked: dict[str, np.ndarray], query: NDArray, *, person: bool
    ) -> list[list[str]]:
        """Returns the first ten ids for each query.

        Args:
          asked: As `Persons.at` returns.
          query: Text objects [n].
          person: Whether who asks is told.
        """
        found: list[list[str]] = []
        for start in range(0, len(query), _BATCH):
            part = slice(start, start + _BATCH)
            rows = len(query[part])
            inputs = {name: asked[name][part] for name in _HISTORY}
            if not person:
                inputs = {
                    name: np.zeros_like(values[:, :1])
                    if name == "history_timestamps"
                    else np.full((rows, 1), "", object)
                    for name, values in inputs.items()
                }
            for name in _CONTEXT:
                values = asked[name][part]
                inputs[name] = values if person else np.full(rows, "", object)
            inputs |= {
                "timestamp": asked["timestamp"][part],
                "query": query[part],
                "k": np.full(rows, K, np.int32),
            }
            answer = self._servable.answer("search", inputs)
            found += [
                [one.decode() for one in row if one]
                for row in answer["item_ids"]
            ]
        return found


def by_text(model, items: CatalogueColumns, query: NDArray) -> list[list[str]]:
    """Returns the first ten ids by cosine of text vectors."""
    vectors = _unit(model.text_vectors().numpy())
    if not vectors.shape[1]:
        raise DataError("the model was trained without text: nothing to search")
    distinct, row = np.unique(query.astype(str), return_inverse=True)
    near = []
    for start in range(0, len(distinct), _BATCH):
        texts = tf.constant(distinct[start : start + _BATCH])
        scores = _unit(model.encode_queries(texts).numpy()) @ vectors.T
        scores = np.where(items.in_stock, scores, -np.inf)
        near.append(np.argsort(-scores, axis=1, kind="stable")[:, :K])
    return [
        [items.item_ids[one].decode() for one in best]
        for best in np.concatenate(near)[row]
    ]


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)


def run(
    *,
    servable: pathlib.Path,
    model_dir: pathlib.Path,
    catalogue: pathlib.Path,
    log: ShopLog,
    split: int,
    max_history: int,
    at_most: int,
) -> dict:
    """Asks every method, and compares.

    Args:
      servable: The version folder that answers.
      model_dir: The trained model that it was made of.
      catalogue: Its items, the artifact's split.
      log: The events.
      split: Unix seconds; the model learned from what came before.
      max_history: Steps of a history.
      at_most: How many searches, drawn where there are more.

    Returns:
      `searches`, `users`; by method `ndcg@10` with an `interval`, and `leads`
      of each over the next, all from drawing users; `slices`: the same means
      for those with history and without.

    Raises:
      DataError: No search after the split led to a choice.
    """
    searches = find_searches(log, split)
    if not len(searches):
        raise DataError(
            "no search after the split led to a choice; there is nothing to "
            "compare on"
        )
    if len(searches) > at_most:
        rng = np.random.default_rng(0)
        rows = rng.choice(len(searches), at_most, replace=False)
        searches = searches.take(np.sort(rows))
    persons = Persons(log, CampaignSettings(), max_history)
    asked = persons.at(searches.user, searches.timestamp)
    servant = Servant(servable)
    found = {
        PERSON: servant.search(asked, searches.query, person=True),
        NOBODY: servant.search(asked, searches.query, person=False),
    }
    model = tf.saved_model.load(str(model_dir))
    items = read_catalogue(catalogue, model.item_ids().numpy().tolist())
    found[TEXT] = by_text(model, items, searches.query)
    popular = Popular(log, split, items)
    found[POPULAR_HERE] = [popular.beside(ids[0]) for ids in found[TEXT]]
    found[POPULAR] = [popular.everywhere()] * len(searches)
    values = {n: ndcg(found[n], searches.chosen) for n in LADDER}
    with_history = (asked["history_item_ids"] != "").any(1)
    return {
        "searches": len(searches),
        "users": len(np.unique(searches.user)),
        "models": {
            name: {
                "ndcg@10": float(one.mean()),
                "interval": list(interval(bootstrap_means(one, searches.user))),
            }
            for name, one in values.items()
        },
        "leads": {
            f"{better}, over {other}": dataclasses.asdict(
                paired_difference(values[better], values[other], searches.user)
            )
            for better, other in itertools.pairwise(LADDER)
        },
        "slices": {
            name: {
                "searches": int(part.sum()),
                **{n: float(one[part].mean()) for n, one in values.items()},
            }
            for name, part in (
                ("with history", with_history),
                ("newcomers", ~with_history),
            )
            if part.any()
        },
    }
