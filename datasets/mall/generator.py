"""Makes a mall: the four tables, its ground truth, and the word of warning."""

import pathlib
from collections import Counter

import numpy as np

from datasets.mall.campaigns import build_campaigns
from datasets.mall.catalogue import build_catalogue
from datasets.mall.dirt import KINDS, bot_events, plant
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
    write_part,
)
from datasets.mall.truth_files import Writer
from schema.contract import EVENT_TYPES
from schema.errors import DataError

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


def _check_empty(data_dir):
    for table in ("events", "items", "users", "campaigns", "ground_truth"):
        folder = data_dir / table
        if folder.exists() and any(folder.iterdir()):
            raise DataError(
                f"{folder} is not empty; allowed: a data directory without "
                "tables, so that no old part is read with the new ones"
            )


def generate(settings: MallSettings, data_dir: str | pathlib.Path) -> dict:
    """Writes a mall, day by day; memory holds one day's events.

    Writes `<data_dir>/{events,items,users,campaigns}/part-*.parquet` in the
    form of `schema.contract`, one part of events a day, rows in time order;
    `<data_dir>/ground_truth/` (see `truth_files`) and `SIMULATED.md`.

    Args:
      settings: Equal settings write identical bytes.
      data_dir: Made where it is missing; must hold no tables yet.

    Returns:
      `simulated` (True), `rows` of each table, `events` by type as planned
      (bad rows under the type they had), `dirt` by kind, `sessions`.

    Raises:
      DataError: `data_dir` holds tables already.
    """
    data_dir = pathlib.Path(data_dir)
    _check_empty(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    (data_dir / "SIMULATED.md").write_text(_NOTICE, encoding="utf-8")
    world, tastes = build_world(settings)
    write_part(items_table(world.catalogue), data_dir / "items", 0)
    write_part(users_table(world), data_dir / "users", 0)
    campaigns = world.campaigns
    write_part(
        campaigns_table(
            campaigns,
            [settings.day_start(int(d)) for d in campaigns.first_day],
            [settings.day_start(int(d)) for d in campaigns.end_day],
        ),
        data_dir / "campaigns",
        0,
    )
    truth = Writer(world, tastes, data_dir / "ground_truth")
    memory = _stocked_up(settings, world, tastes)
    waiting, sessions, rows = blank(0), 0, 0
    types: Counter[str] = Counter()
    dirt: Counter[str] = Counter()
    for day in range(settings.num_days):
        if day:
            tastes = next_day(
                settings, world.catalogue, world.shoppers, tastes, day
            )
        visit = Day(world, tastes, memory, day, sessions)
        made, intents = visit.run()
        sessions += len(visit.users)
        bots = bot_events(settings, world.catalogue, world.shoppers, day)
        made = np.concatenate([waiting, made, bots])
        if day < settings.num_days - 1:
            made, waiting = split_day(made, settings, day)
        events = plant(in_order(made), settings, day)
        write_part(events_table(world, events), data_dir / "events", day)
        truth.add_day(day, rows, events, intents)
        rows += len(events)
        types.update(_count(EVENT_TYPES, events["type"]))
        dirt.update(_count(KINDS, events["dirt"]))
    dirt.pop("", None)
    summary = {
        "simulated": True,
        "rows": {
            "events": rows,
            "items": len(world.catalogue),
            "users": len(world.shoppers),
            "campaigns": len(campaigns),
        },
        "events": {name: types[name] for name in EVENT_TYPES},
        "dirt": {name: dirt[name] for name in KINDS[1:]},
        "sessions": sessions,
    }
    truth.close(tastes, summary)
    return summary


def _count(names, numbers):
    counts = np.bincount(numbers, minlength=len(names))
    return dict(zip(names, counts.tolist(), strict=True))
