"""Writes the ground truth of a mall beside its tables.

Files of `<data_dir>/ground_truth/`:

- `settings.json`: the `MallSettings`; with them everything can be replayed.
- `summary.json`: what `generate` returns, and `examination` (chance that slot
  k of a page is looked at) and `num_days`.
- `users/`: `user_id`, `life_stages`, `price_level`, `brands`, `is_bot`, and at
  the start and at the end of the days `interests_*` (categories),
  `strengths_*` (logits) and `style_*`; where shoppers leave, `left_day`, the
  day after which they never came back, -1 for who still comes.
- `items/`: `item_id`, `category`, `quality`, `popularity`, `style`.
- `queries/`: `query`, `category` that is meant, `kind`.
- `impressions/`: a sample: `user_id`, `item_id`, `session_id`, `timestamp`,
  `position`, `click_probability` (examination included).
- `intents/`: `session_id`, `timestamp`, `category` that each page was after.
- `dirt/`: `row` (of the table events, from 0), `kind`.
"""

import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.mall.dirt import KINDS
from datasets.mall.intents import Memory
from datasets.mall.life_stages import LIFE_STAGES
from datasets.mall.queries import KINDS as QUERY_KINDS
from datasets.mall.randomness import generator
from datasets.mall.relevance import examination
from datasets.mall.sessions import World
from datasets.mall.shoppers import Tastes
from datasets.mall.tables import session_names


def _write_part(table, folder, number):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"part-{number:05}.parquet"
    pq.write_table(table, path, compression="zstd")


def _lists(rows):
    return pa.array([row.astype(np.float32) for row in rows])


class Writer:
    """Collects nothing: each day is written as it comes."""

    def __init__(self, world: World, tastes: Tastes, folder: pathlib.Path):
        """Writes what is known before the first day.

        Args:
          world: What does not change.
          tastes: Tastes of the first day.
          folder: `<data_dir>/ground_truth`.
        """
        self._world, self._first, self._folder = world, tastes, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._write_json("settings.json", json.loads(world.settings.to_json()))
        catalogue, queries = world.catalogue, world.queries
        items = pa.table(
            {
                "item_id": catalogue.item_ids,
                "category": self._categories(catalogue.leaf),
                "quality": catalogue.quality,
                "popularity": catalogue.popularity,
                "style": _lists(catalogue.style),
            }
        )
        _write_part(items.sort_by("item_id"), folder / "items", 0)
        texts = pa.table(
            {
                "query": queries.texts,
                "category": self._categories(queries.leaf),
                "kind": [QUERY_KINDS[k] for k in queries.kind],
            }
        )
        _write_part(texts, folder / "queries", 0)

    def _write_json(self, name, value):
        text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
        (self._folder / name).write_text(text + "\n", encoding="utf-8")

    def _categories(self, leaves):
        names = [leaf.category for leaf in self._world.catalogue.leaves]
        return pa.array(names).take(pa.array(leaves))

    def add_day(
        self,
        day: int,
        first_row: int,
        events: np.ndarray,
        intents: dict[str, np.ndarray],
    ) -> None:
        """Writes the truth of one day.

        Args:
          day: Day of the simulation; number of the part.
          first_row: Row of the first of `events` in the table.
          events: `journal.EVENT` [rows], as written, dirt included.
          intents: See `sessions.Day.run`.
        """
        world = self._world
        dirty = np.flatnonzero(events["dirt"])
        table = pa.table(
            {
                "row": pa.array(first_row + dirty),
                "kind": pa.array(KINDS).take(
                    pa.array(events["dirt"][dirty].astype(np.int64))
                ),
            }
        )
        _write_part(table, self._folder / "dirt", day)
        rng = generator(world.settings.seed, "truth", day)
        kept = rng.random(len(events)) < world.settings.truth_share
        kept &= ~np.isnan(events["probability"]) & (events["dirt"] == 0)
        shown = events[kept]
        users = pa.array(world.shoppers.user_ids)
        items = pa.array(world.catalogue.item_ids)
        table = pa.table(
            {
                "user_id": users.take(pa.array(shown["user"])),
                "item_id": items.take(pa.array(shown["item"])),
                "session_id": session_names(shown["session"]),
                "timestamp": shown["timestamp"],
                "position": shown["position"].astype(np.int64),
                "click_probability": shown["probability"],
            }
        )
        _write_part(table, self._folder / "impressions", day)
        table = pa.table(
            {
                "session_id": session_names(intents["session"]),
                "timestamp": intents["timestamp"],
                "category": self._categories(intents["leaf"]),
            }
        )
        _write_part(table, self._folder / "intents", day)

    def close(self, tastes: Tastes, memory: Memory, summary: dict) -> None:
        """Writes what is known after the last day.

        Args:
          tastes: Tastes of the last day.
          memory: What shoppers remember after it.
          summary: What `generate` returns.
        """
        shoppers, catalogue = self._world.shoppers, self._world.catalogue
        settings = self._world.settings
        brands = np.array(catalogue.brand_names, object)
        columns = {
            "user_id": shoppers.user_ids,
            "life_stages": [
                [LIFE_STAGES[s].name for s in row] for row in shoppers.stages
            ],
            "price_level": shoppers.price_level,
            "brands": [brands[row].tolist() for row in shoppers.brands],
            "is_bot": shoppers.is_bot,
        }
        if settings.leaving:
            columns["left_day"] = memory.left_day
        leaves = np.array([leaf.category for leaf in catalogue.leaves], object)
        for when, state in (("start", self._first), ("end", tastes)):
            columns[f"interests_{when}"] = [
                leaves[row].tolist() for row in state.leaves
            ]
            columns[f"strengths_{when}"] = _lists(state.strengths)
            columns[f"style_{when}"] = _lists(state.style)
        table = pa.table(columns).sort_by("user_id")
        _write_part(table, self._folder / "users", 0)
        curve = examination(settings).round(6).tolist()
        self._write_json(
            "summary.json",
            {**summary, "examination": curve, "num_days": settings.num_days},
        )
