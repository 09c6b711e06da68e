"""Makes a mall: the four tables, its ground truth, and the word of warning."""

import pathlib
import shutil
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from datasets.mall.campaigns import build_campaigns
from datasets.mall.catalogue import build_catalogue
from datasets.mall.dirt import KINDS, bot_events, plant
from datasets.mall.images import image_vectors
from datasets.mall.intents import Memory
from datasets.mall.journal import blank, in_order, split_day
from datasets.mall.queries import build_queries
from datasets.mall.randomness import generator
from datasets.mall.sessions import Day, World
from datasets.mall.settings import MallSettings
from datasets.mall.shoppers import (
    Tastes,
    build_shoppers,
    first_tastes,
    next_day,
)
from datasets.mall.tables import (
    campaigns_table,
    events_table,
    items_table,
    users_table,
)
from datasets.mall.truth_files import Writer
from datasets.tables import drop_table, write_table
from schema.contract import EVENT_TYPES

_NOTICE = """\
This data set is simulated. Items, users, events and campaigns were drawn at
random by `datasets.mall`; brand names only make the titles believable, and no
price, rating or behaviour says anything about a real product, shop or person.

本数据集为模拟数据，商品、用户、行为日志与营销活动均由程序随机生成；
品牌名称仅为使标题更接近真实场景，价格与行为不代表任何真实商品、店铺或个人。
"""


def build_world(settings: MallSettings) -> tuple[World, Tastes]:
    """Makes all that does not change, and the tastes of the first day."""
    catalogue = build_catalogue(settings)
    shoppers, tastes = first_tastes(
        settings, catalogue, build_shoppers(settings)
    )
    world = World(
        settings=settings,
        catalogue=catalogue,
        shoppers=shoppers,
        campaigns=build_campaigns(settings, catalogue),
        queries=build_queries(settings, catalogue),
    )
    return world, tastes


def _stocked_up(settings, world: World, tastes: Tastes) -> Memory:
    """Lets half of the shoppers have something at home that runs out."""
    catalogue, shoppers = world.catalogue, world.shoppers
    rng = generator(settings.seed, "stocked up")
    count = len(shoppers)
    memory = Memory.empty(count)
    column = rng.integers(tastes.leaves.shape[1], size=count)
    leaf = tastes.leaves[np.arange(count), column]
    width = catalogue.first[leaf + 1] - catalogue.first[leaf]
    # The first item of a leaf was always listed before the first day.
    item = catalogue.first[leaf] + np.floor(rng.random(count) * width).astype(
        np.int64
    )
    listed = catalogue.listed_at[item] < settings.day_start(0)
    item = np.where(listed, item, catalogue.first[leaf])
    repeat = np.array([kind.repeat_days for kind in catalogue.leaves])
    memory.again_item = np.where(repeat[leaf] > 0, item, -1)
    memory.again_day = rng.integers(settings.num_days, size=count)
    return memory


class _Simulation:
    """Runs the days one after the other and counts what they leave."""

    def __init__(self, settings: MallSettings, truth_dir: pathlib.Path):
        self._settings = settings
        self.world, self._tastes = build_world(settings)
        self._memory = _stocked_up(settings, self.world, self._tastes)
        self._truth = Writer(self.world, self._tastes, truth_dir)
        self.sessions = self.rows = 0
        self._types: Counter[str] = Counter()
        self._dirt: Counter[str] = Counter()

    def days(self) -> Iterator[pa.Table]:
        """Yields the events of each day, in time order over all days."""
        settings, world = self._settings, self.world
        memory = self._memory
        waiting = blank(0)
        for day in range(settings.num_days):
            if day:
                self._tastes = next_day(
                    settings, world.catalogue, world.shoppers, self._tastes, day
                )
            visit = Day(world, self._tastes, memory, day, self.sessions)
            made, intents = visit.run()
            self.sessions += len(visit.users)
            bots = bot_events(settings, world.catalogue, world.shoppers, day)
            made = np.concatenate([waiting, made, bots])
            if day < settings.num_days - 1:
                made, waiting = split_day(made, settings, day)
            events = plant(in_order(made), settings, day)
            self._truth.add_day(day, self.rows, events, intents)
            self.rows += len(events)
            self._types.update(_count(EVENT_TYPES, events["type"]))
            self._dirt.update(_count(KINDS, events["dirt"]))
            yield events_table(world, events)

    def close(self) -> dict:
        """Writes the rest of the truth; returns what `generate` returns."""
        summary = {
            "events": self.rows,
            "items": len(self.world.catalogue),
            "users": len(self.world.shoppers),
            "campaigns": len(self.world.campaigns),
            "sessions": self.sessions,
            "event_types": {n: self._types[n] for n in EVENT_TYPES},
            "dirt": {n: self._dirt[n] for n in KINDS[1:]},
        }
        self._truth.close(self._tastes, self._memory, summary)
        return summary


def generate(settings: MallSettings, data_dir: str | pathlib.Path) -> dict:
    """Writes a mall, day by day; memory holds one day's events.

    Writes the four tables as `datasets.tables` does, each whole or not at
    all, events in time order; `<data_dir>/ground_truth/` (see `truth_files`)
    and `SIMULATED.md`. An earlier mall in the folder is replaced.

    Args:
      settings: Equal settings write identical bytes.
      data_dir: Made where it is missing.

    Returns:
      Rows of `events`, `items`, `users`, `campaigns`;
      `sessions`; `event_types` and `dirt`, rows by type and by kind. A bad
      row counts under the type that it had before it was spoilt.

    Raises:
      DataError: The days have no event at all, as with very few visits.
    """
    data_dir = pathlib.Path(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "SIMULATED.md").write_text(_NOTICE, encoding="utf-8")
    truth_dir = data_dir / "ground_truth"
    shutil.rmtree(truth_dir, ignore_errors=True)
    simulation = _Simulation(settings, truth_dir)
    world, campaigns = simulation.world, simulation.world.campaigns
    draw = generator(settings.seed, "uncategorised").random(
        len(world.catalogue)
    )
    items = items_table(
        world.catalogue,
        draw < settings.uncategorised_share,
        image_vectors(settings, world.catalogue),
    )
    write_table(items, "items", data_dir)
    write_table(users_table(world), "users", data_dir)
    if len(campaigns):
        starts, ends = (
            [settings.day_start(int(day)) for day in days]
            for days in (campaigns.first_day, campaigns.end_day)
        )
        table = campaigns_table(campaigns, starts, ends)
        write_table(table, "campaigns", data_dir)
    else:
        drop_table("campaigns", data_dir)
    write_table(simulation.days(), "events", data_dir)
    return simulation.close()


def _count(names, numbers):
    counts = np.bincount(numbers, minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))
