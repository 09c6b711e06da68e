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
import typing

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from applications.campaigns.persons import Persons
from applications.campaigns.settings import CampaignSettings
from applications.shop_log import ShopLog
from benchmarks.personal_search.methods import K, Popular, Servant, by_text
from benchmarks.personal_search.searches import find_searches
from components.servable.catalogue import read_catalogue
from datasets.mall.page_truth import PageTruth
from models.metrics import retrieval
from models.metrics.intervals import (
    bootstrap_means,
    interval,
    paired_difference,
)
from models.metrics.lists import hit_figures
from schema.errors import DataError

PERSON, NOBODY, TEXT = "with the person", "without a person", "text only"
POPULAR, POPULAR_HERE = "popularity", "popularity in the category"
# Each is to be better than the next.
LADDER = (PERSON, NOBODY, TEXT, POPULAR_HERE, POPULAR)
# Seconds after which the page that a search opens is noted.
_OPENED = 1


def ndcg(found: list[list[str]], chosen: list[frozenset[str]]) -> NDArray:
    """Returns NDCG@10 of each search; every chosen item counts alike.

    >>> ndcg([["a", "b"]], [frozenset("b")]).round(4).tolist()
    [0.6309]
    """
    return figures(found, chosen)[f"ndcg@{K}"]


def figures(
    found: list[list[str]], chosen: list[frozenset[str]]
) -> dict[str, NDArray[np.float64]]:
    """Returns precision, recall, F1 and NDCG@10 of each search."""
    hits = np.zeros((len(found), K), bool)
    for row, (ids, wanted) in enumerate(zip(found, chosen, strict=True)):
        for slot, one in enumerate(ids[:K]):
            hits[row, slot] = one in wanted
    return hit_figures(hits, np.array([len(wanted) for wanted in chosen]))


def true_ndcg(
    found: list[list[str]], item_ids: list[str], worth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Returns NDCG@10 of each search by what items are truly worth.

    Unlike `ndcg` it does not depend on what the log happened to show.

    Args:
      found: The answers.
      item_ids: All items that can be had.
      worth: float64 [n, items], the gain of each.
    """
    place = {one: column for column, one in enumerate(item_ids)}
    discount = 1 / np.log2(np.arange(K) + 2)
    ordered = -np.sort(-worth, axis=1)[:, :K]
    best = ordered @ discount[: ordered.shape[1]]
    gained = np.zeros(len(found))
    for row, ids in enumerate(found):
        slots = [slot for slot, one in enumerate(ids[:K]) if one in place]
        columns = [place[ids[slot]] for slot in slots]
        gained[row] = worth[row, columns] @ discount[slots]
    return gained / best


def run(
    *,
    servable: pathlib.Path,
    model_dir: pathlib.Path,
    catalogue: pathlib.Path,
    log: ShopLog,
    split: int,
    max_history: int,
    at_most: int,
    truth: PageTruth | None = None,
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
      truth: Of a simulated mall.

    Returns:
      `searches`, `users`; by method `ndcg@10` with an `interval`, precision,
      recall, F1, coverage and diversity of ten, and `leads` of NDCG of each
      over the next, all from drawing users; `slices`: the same means
      for those with history and without; and under `truth` the first two by
      how likely the shopper clicks on each item, instead of by what was
      chosen of what the log happened to show.

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
    compared = _compared(values, searches.user)
    vectors = model.item_vectors().numpy()
    for name, one in compared["models"].items():
        one.update(_of_lists(found[name], searches.chosen, items, vectors))
    told: dict[str, typing.Any] = {
        "searches": len(searches),
        "users": len(np.unique(searches.user)),
        **compared,
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
    if truth is not None:
        there = [
            one.decode()
            for one, good in zip(items.item_ids, items.in_stock, strict=True)
            if good
        ]
        worth = _worth(truth, log, searches, there)
        told["truth"] = _compared(
            {n: true_ndcg(found[n], there, worth) for n in LADDER},
            searches.user,
        )
    return told


def _of_lists(found, chosen, items, vectors):
    """Means of what lists of ids are worth, but for NDCG."""
    place = {one.decode(): row for row, one in enumerate(items.item_ids)}
    top = np.full((len(found), K), -1)
    for row, ids in enumerate(found):
        for slot, one in enumerate(ids[:K]):
            # An item that came after the training has no row.
            top[row, slot] = place.get(one, -1)
    told = {
        name: float(values.mean())
        for name, values in figures(found, chosen).items()
    }
    return told | {
        f"coverage@{K}": retrieval.coverage(top, len(items.item_ids)),
        f"diversity@{K}": retrieval.diversity(top, vectors),
    }


def _worth(truth, log, searches, item_ids):
    """Chances of clicks, of what the page was after that the search opened."""
    users = np.asarray(log.events.users.to_pylist(), object)[searches.user]
    opened = searches.timestamp + _OPENED
    wanted = truth.wanted(searches.session, opened)
    ids = np.array(item_ids, object)
    return truth.chances(users, ids, searches.timestamp, wanted)


def _compared(values, users):
    """Means with intervals, and leads of each method over the next."""
    return {
        "models": {
            name: {
                "ndcg@10": float(one.mean()),
                "interval": list(interval(bootstrap_means(one, users))),
            }
            for name, one in values.items()
        },
        "leads": {
            f"{better}, over {other}": dataclasses.asdict(
                paired_difference(values[better], values[other], users)
            )
            for better, other in itertools.pairwise(LADDER)
        },
    }
