"""Festivals, coupons and flash sales of the mall."""

import dataclasses
import datetime

import numpy as np

from datasets.mall.catalogue import Catalogue
from datasets.mall.randomness import generator
from datasets.mall.settings import MallSettings

# Every year: title, first and last (month, day), share off, what it covers.
_FESTIVALS = (
    ("年货节", (1, 8), (1, 25), 0.15, ("食品", "家居", "服饰")),
    ("女神节", (3, 5), (3, 8), 0.2, ("美妆", "服饰", "鞋包")),
    ("五一出游季", (4, 28), (5, 5), 0.12, ("运动", "鞋包", "汽车")),
    ("618年中大促", (6, 1), (6, 18), 0.2, ("数码", "电脑", "家电", "家居")),
    ("开学季", (8, 20), (9, 5), 0.12, ("图书", "电脑", "鞋包")),
    ("国庆家装节", (10, 1), (10, 8), 0.12, ("家居", "家电", "厨具")),
    ("双十一预热", (10, 31), (11, 8), 0.1, ("美妆", "数码", "母婴")),
    (
        "双十一全球狂欢",
        (11, 9),
        (11, 11),
        0.22,
        ("数码", "电脑", "家电", "服饰", "鞋包", "美妆", "母婴", "家居"),
    ),
    ("双十二年终盛典", (12, 10), (12, 12), 0.18, ("服饰", "食品", "家电")),
)
_COUPONS = ((99, 10), (199, 25), (299, 40), (399, 60), (499, 80))
_FLASH_ITEMS = 24


@dataclasses.dataclass(frozen=True, kw_only=True)
class Campaigns:
    """Campaigns as parallel lists; each runs from midnight to midnight.

    Attributes:
      campaign_ids, titles, descriptions, kinds: text of each.
      first_day: int64, first day of each.
      end_day: int64, the day after the last.
      discount: float64, share off.
      scopes: Category paths or item ids.
      covers: bool [campaigns, items].
    """

    campaign_ids: tuple[str, ...]
    titles: tuple[str, ...]
    descriptions: tuple[str, ...]
    kinds: tuple[str, ...]
    first_day: np.ndarray
    end_day: np.ndarray
    discount: np.ndarray
    scopes: tuple[tuple[str, ...], ...]
    covers: np.ndarray

    def __len__(self):
        return len(self.campaign_ids)

    def running(self, day: int) -> np.ndarray:
        """Returns the rows of the campaigns that run on a day."""
        now = (self.first_day <= day) & (day < self.end_day)
        return np.flatnonzero(now)


def _festivals(settings):
    last = settings.date(settings.num_days - 1)
    for year in range(settings.date(0).year, last.year + 1):
        for title, start, end, discount, tops in _FESTIVALS:
            begins = datetime.date(year, *start) - settings.date(0)
            ends = datetime.date(year, *end) - settings.date(0)
            if ends.days < 0 or begins.days >= settings.num_days:
                continue
            yield {
                "title": title,
                "description": f"{'、'.join(tops)}会场，最高立减"
                f"{round(discount * 100)}%",
                "kind": "festival",
                "days": (begins.days, ends.days + 1),
                "discount": discount,
                "scope": tops,
            }


def _coupons(settings, catalogue, rng):
    parents = tuple(dict.fromkeys(k.parent for k in catalogue.leaves))
    day = 0
    while day < settings.num_days:
        parent = parents[rng.integers(len(parents))]
        least, off = _COUPONS[rng.integers(len(_COUPONS))]
        yield {
            "title": f"{parent.replace('/', '·')} 满{least}减{off}券",
            "description": f"{parent}类商品，满{least}元可用，每人限领一张",
            "kind": "coupon",
            "days": (day, day + int(rng.integers(3, 6))),
            "discount": round(off / least, 2),
            "scope": (parent,),
        }
        day += int(rng.integers(1, 4))


def _flash_sales(settings, catalogue, rng):
    tops = tuple(dict.fromkeys(leaf.top for leaf in catalogue.leaves))
    number = {top: i for i, top in enumerate(tops)}
    of_leaf = np.array([number[leaf.top] for leaf in catalogue.leaves])
    for day in range(1, settings.num_days, 2):
        top = int(rng.integers(len(tops)))
        listed = catalogue.listed_at < settings.day_start(day)
        rows = np.flatnonzero((of_leaf[catalogue.leaf] == top) & listed)
        rows = np.sort(rng.permutation(rows)[:_FLASH_ITEMS])
        yield {
            "title": f"限时秒杀·{tops[top]}专场",
            "description": f"{tops[top]}好物今日秒杀，售完即止",
            "kind": "flash_sale",
            "days": (day, day + 1),
            "discount": round(float(rng.uniform(0.2, 0.4)), 2),
            "scope": tuple(catalogue.item_ids[r] for r in rows),
            "rows": rows,
        }


def _covered(catalogue, plan):
    if "rows" in plan:
        covered = np.zeros(len(catalogue), bool)
        covered[plan["rows"]] = True
        return covered
    inside = [
        any(f"{leaf.category}/".startswith(f"{p}/") for p in plan["scope"])
        for leaf in catalogue.leaves
    ]
    return np.array(inside)[catalogue.leaf]


def build_campaigns(settings: MallSettings, catalogue: Catalogue) -> Campaigns:
    """Makes the campaigns of the days that are simulated.

    Args:
      settings: Seed and days.
      catalogue: What the campaigns are about.
    """
    rng = generator(settings.seed, "campaigns")
    plans = [
        *_festivals(settings),
        *_coupons(settings, catalogue, rng),
        *_flash_sales(settings, catalogue, rng),
    ]
    plans = [p for p in plans if _covered(catalogue, p).any()]
    plans.sort(key=lambda plan: plan["days"])
    covered = [_covered(catalogue, plan) for plan in plans]
    return Campaigns(
        campaign_ids=tuple(f"c{i:03}" for i in range(len(plans))),
        titles=tuple(plan["title"] for plan in plans),
        descriptions=tuple(plan["description"] for plan in plans),
        kinds=tuple(plan["kind"] for plan in plans),
        first_day=np.array([plan["days"][0] for plan in plans]),
        end_day=np.array([plan["days"][1] for plan in plans]),
        discount=np.array([plan["discount"] for plan in plans]),
        scopes=tuple(plan["scope"] for plan in plans),
        covers=np.array(covered),
    )
